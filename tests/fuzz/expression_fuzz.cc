// The parsers of the language: no input crashes them, errors point into the text and are valid UTF-8, and what is
// accepted can be asked of records.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/query/query.h"
#include "lib/parse/text_out.h"

namespace {

namespace fl = flowlogs;

constexpr std::string_view kRecords =
    "srcaddr dstaddr srcport dstport protocol bytes start end action account-id tcp-flags instance-tag\n"
    "10.0.0.1 2001:db8::1 1 443 6 1000 1700000000 1700000060 ACCEPT 0123 18 a%2Db\n"
    "- - - - - - - - - - - -\n"
    "10.0.0.256 ::ffff:8.8.8.8 x 0 17 9223372036854775807 1700000000999 1 REJECT eni-1 0 %zz\n";

void Require(bool condition, const char* what, const absl::Status& status) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", what, std::string(status.message()).c_str());
  std::abort();
}

void RequireGoodError(const absl::Status& status, size_t size) {
  if (status.ok()) return;
  const std::string message(status.message());
  Require(!message.empty(), "no message", status);
  for (const char* s = message.data(); s < message.data() + message.size();) {
    const size_t length = fl::internal::DecodeUtf8(s, message.data() + message.size()).length;
    Require(length > 0, "not UTF-8", status);
    s += length;
  }
  const std::optional<size_t> column = fl::ExpressionColumn(status);
  Require(!column || (*column >= 1 && *column <= size + 1), "column", status);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 5000) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const fl::Query scan = fl::Scan({fl::Source::Bytes(kRecords)}, {.threads = 1});
  for (const fl::Query& query :
       {scan.Filter(text), scan.GroupBy({text}), scan.Aggregate({text}), scan.Select({text})}) {
    RequireGoodError(query.status(), size);
    if (query.status().ok()) RequireGoodError(query.Collect().status(), size);
  }
  return 0;
}
