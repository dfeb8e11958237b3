// Detections as Python's dicts and lists.
#ifndef FLOWLOGS_BINDINGS_PYTHON_INSIGHT_BINDINGS_H_
#define FLOWLOGS_BINDINGS_PYTHON_INSIGHT_BINDINGS_H_

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "flowlogs/query/query.h"

namespace flowlogs::python {

// A tuple (dict of Detections, Stats), as flowlogs/detect.py takes it. `options`: by the names of DetectOptions. Raises what the
// status says; damage of inputs is left to the caller.
pybind11::object Detect(const Query& query, const pybind11::dict& options, const std::vector<std::string>& sources);

void BindInsight(pybind11::module_& m);

}  // namespace flowlogs::python

#endif  // FLOWLOGS_BINDINGS_PYTHON_INSIGHT_BINDINGS_H_
