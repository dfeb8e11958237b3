// The Python module flowlogs._core: the C++ library as the package flowlogs shows it. One file per topic; this one only
// calls them, each after those that it needs.
#include <pybind11/pybind11.h>

#include <cstdlib>

#include "bindings/python/bindings.h"
#include "bindings/python/insight_bindings.h"
#include "flowlogs/version.h"

namespace fp = flowlogs::python;

namespace {

// glibc takes large blocks from the system one by one, and gives each back as soon as it is free, until it has seen that
// such blocks come again. Then it keeps up to twice as much as the largest one had. Where a process scans many small
// inputs, getting fresh pages for each is half of all time.
void KeepFreedMemory() {
#ifdef __GLIBC__
  void* volatile block = std::malloc(size_t{8} << 20);
  std::free(block);
#endif
}

}  // namespace

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.doc() = "The compiled part of the package flowlogs. Import flowlogs instead.";
  KeepFreedMemory();
  m.attr("__version__") = FLOWLOGS_VERSION;
  fp::BindErrors(m);
  fp::BindFormat(m);
  fp::BindRecord(m);
  fp::BindTable(m);
  fp::BindEnrichment(m);
  fp::BindQuery(m);
  fp::BindArrow(m);
  fp::BindInsight(m);
  fp::ShutGateAtExit();
  fp::BindSynth(m);
  m.def(
      "version_text", [] { return fp::ToStr(flowlogs::VersionText()); },
      "The version of flowlogs, the kernel in use, and the versions of the libraries inside, as text.");
}
