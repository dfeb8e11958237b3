// What every benchmark program says about the machine: which kernel reads and which library inflates.
#include <benchmark/benchmark.h>

#include "flowlogs/io/input.h"
#include "lib/parse/line_index.h"

namespace {

[[maybe_unused]] const bool kContextIsGiven = [] {
  benchmark::AddCustomContext("kernel", flowlogs::ActiveKernel().name);
  benchmark::AddCustomContext("inflate", flowlogs::InflateLibrary());
  return true;
}();

}  // namespace
