// One record after another, as a Lambda-style handler gets them: headers only, nothing to link.
#include <cstdio>
#include <iostream>
#include <string>

#include "flowlogs/parse/record.h"

namespace fl = flowlogs;

int main() {
  fl::Record record;
  int64_t rejected_bytes = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (fl::ParseRecord(line, fl::Format::Default(), &record) != fl::ParseError::kOk) continue;
    if (record.action() == "REJECT") rejected_bytes += record.bytes().value_or(0);  // a missing value is no 0
  }
  std::printf("%lld\n", static_cast<long long>(rejected_bytes));
}
