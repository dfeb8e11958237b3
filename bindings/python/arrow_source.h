// Python objects with __arrow_c_stream__ as sources of a scan.
#ifndef FLOWLOGS_BINDINGS_PYTHON_ARROW_SOURCE_H_
#define FLOWLOGS_BINDINGS_PYTHON_ARROW_SOURCE_H_

#include <map>
#include <memory>
#include <string>

#include "bindings/python/bindings.h"

#include "flowlogs/io/source.h"

namespace flowlogs::python {

// The object as a source, which keeps it alive. One that has a length holds its rows, and one that is a Query reads
// them again: each run asks these for a new stream. From any other (pyarrow.RecordBatchReader, nanoarrow.ArrayStream) a
// second stream would be empty or an error, so it is read once.
//
// THE GIL  A run opens the stream in the thread that called collect() and the like, and takes the GIL back for it.
// Batches are read and released in any thread without the GIL: the exporter's callbacks take it if they need it, which
// the Arrow C interface asks of them. Once the gate of gil.h is shut, none of them is called.
Source ToArrowSource(py::handle object, const std::string& name);

// Remote sources by their names.
using RemoteObjects = std::map<std::string, std::shared_ptr<PyObject>>;

// How Parquet files are opened: by flowlogs/_parquet.py, in any thread, which takes the GIL for it. `remote`: those that are
// no paths.
ParquetOpener MakeParquetOpener(RemoteObjects remote);

// Whether the object has __arrow_c_stream__.
bool IsArrowSource(py::handle object);

}  // namespace flowlogs::python

#endif  // FLOWLOGS_BINDINGS_PYTHON_ARROW_SOURCE_H_
