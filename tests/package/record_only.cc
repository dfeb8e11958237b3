// CONTRACT C1: schema/ and parse/record.h need no library. This program is linked with none.
#include <cstdio>
#include <optional>
#include <string_view>

#include "flowlogs/parse/record.h"

namespace fl = flowlogs;

int main() {
  constexpr std::string_view line =
      "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
  fl::Record record;
  const fl::ParseError error = fl::ParseRecord(line, fl::Format::Default(), &record);
  const std::optional<fl::IpAddress> source = record.srcaddr();
  if (error != fl::ParseError::kOk || !source.has_value() || record.bytes() != 4249) {
    std::fprintf(stderr, "the documented record was not read\n");
    return 1;
  }
  return 0;
}
