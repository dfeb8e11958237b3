// Who was turned away most, from any number of flow log files: the C++ example of the README.
#include <cstdio>
#include <string>

#include "flowlogs/flowlogs.h"

namespace fl = flowlogs;

int main(int argc, char** argv) {
  std::vector<fl::Source> logs(argv + 1, argv + argc);
  absl::StatusOr<fl::Table> top = fl::Scan(logs, {.threads = 2})
                                      .Filter("rejected and dstport < 1024")
                                      .GroupBy({"dstport"})
                                      .Aggregate({{"flows", "count()"}, {"sources", "distinct(srcaddr)"}})
                                      .Sort("flows", fl::Order::kDescending)
                                      .Head(5)
                                      .Collect();
  if (!top.ok()) {
    std::fprintf(stderr, "%s\n", std::string(top.status().message()).c_str());
    return 1;
  }
  std::fputs(top->ToText().c_str(), stdout);
  for (const fl::Stats::InputError& e : top->stats().errors) std::fprintf(stderr, "%s\n", e.message.c_str());
  return top->complete() ? 0 : 2;
}
