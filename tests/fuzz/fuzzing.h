// What fuzz targets share.
#ifndef FLOWLOGS_TESTS_FUZZ_FUZZING_H_
#define FLOWLOGS_TESTS_FUZZ_FUZZING_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/parse/stats.h"
#include "flowlogs/schema/format.h"
#include "lib/io/content_kind.h"
#include "tests/reference_splitter.h"

namespace flowlogs_test {

// A finding: says what does not hold, and ends the process.
inline void Require(bool condition, const char* what, std::string_view detail = {}) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", what, std::string(detail).c_str());
  std::abort();
}

// The input as a list of choices at its beginning; what is missing is 0.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  size_t Byte() {
    if (rest_.empty()) return 0;
    const size_t byte = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return byte;
  }
  // Up to the next line end, which is taken too.
  std::string_view Line() {
    const size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return line;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

inline void RequireConservation(const flowlogs::Stats& stats) {  // CONTRACT F9
  Require(stats.lines == stats.records + stats.headers + stats.blank + stats.problem_count(), "conservation", stats.ToJson());
}

inline void RequireStats(const flowlogs::Stats& stats, const ReferenceResult& expected) {
  RequireConservation(stats);
  Require(stats.lines == expected.lines.size(), "lines", stats.ToJson());
  Require(stats.records == expected.Count(ReferenceLine::Kind::kRecord), "records", stats.ToJson());
  Require(stats.headers == expected.Count(ReferenceLine::Kind::kHeader), "headers", stats.ToJson());
  Require(stats.blank == expected.Count(ReferenceLine::Kind::kBlank), "blank", stats.ToJson());
  Require(stats.problems == expected.Problems(), "problems", stats.ToJson());
}

// The format that a choice gives, as the reference and as the library take it; none for half of the choices.
struct GivenFormat {
  explicit GivenFormat(size_t choice) {
    if ((choice & 1) == 0) return;
    reference = ReferenceFormat{{"srcaddr", "dstport", "bytes"}, false, false};
    format = flowlogs::Format::Parse("srcaddr dstport bytes");
  }
  std::optional<ReferenceFormat> reference;
  std::optional<flowlogs::Format> format;
};

// What io/ makes of the first bytes (gzip, a byte order mark, Parquet, JSON, ...): then the text is not the input's text.
inline bool IsForIo(std::string_view text) {
  const auto kind = flowlogs::RecogniseContent("", text.substr(0, flowlogs::kHeadBytes));
  return !kind.ok() || !kind->is_plain() || kind->mark_bytes > 0;
}

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_FUZZ_FUZZING_H_
