// The least a service does with the installed library: scan a file, filter, print a table.
#include <cstdio>
#include <string>

#include "flowlogs/flowlogs.h"

namespace fl = flowlogs;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto table = fl::Scan({argv[1]}).Filter("action = 'REJECT'").GroupBy({"dstport"}).Aggregate({{"flows", "count()"}})
                   .Sort("flows", fl::Order::kDescending).Head(3).Collect();
  if (!table.ok()) {
    std::fprintf(stderr, "%s\n", std::string(table.status().message()).c_str());
    return 1;
  }
  std::fputs(table->ToText().c_str(), stdout);
  return table->num_rows() == 3 ? 0 : 1;
}
