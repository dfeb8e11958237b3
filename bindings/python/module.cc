// The Python module flowlogs._core: the C++ library as the package flowlogs shows it. One file per topic; this one only
// calls them, each after those that it needs.
#include <pybind11/pybind11.h>

#include "bindings/python/bindings.h"
#include "flowlogs/version.h"

namespace fp = flowlogs::python;

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.doc() = "The compiled part of the package flowlogs. Import flowlogs instead.";
  m.attr("__version__") = FLOWLOGS_VERSION;
  fp::BindErrors(m);
  fp::BindFormat(m);
  fp::BindRecord(m);
  fp::BindTable(m);
  fp::BindQuery(m);
  fp::BindArrow(m);
  fp::BindSynth(m);
  m.def(
      "version_text", [] { return fp::ToStr(flowlogs::VersionText()); },
      "The version of flowlogs, the kernel in use, and the versions of the libraries inside, as text.");
}
