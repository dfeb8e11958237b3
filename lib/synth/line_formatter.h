// Flows as lines of a format.
#ifndef FLOWLOGS_LIB_SYNTH_LINE_FORMATTER_H_
#define FLOWLOGS_LIB_SYNTH_LINE_FORMATTER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flowlogs/schema/field.h"
#include "flowlogs/schema/format.h"
#include "lib/synth/flow.h"
#include "lib/synth/world.h"

namespace flowlogs {
inline namespace v1 {

class LineFormatter {
 public:
  // `world` must outlive it.
  LineFormatter(const Format& format, const World& world, bool transit);

  // An upper bound of what Write() writes, lines with their LF.
  size_t max_line() const { return max_line_; }
  // Writes the line and its LF at `out`; returns the end.
  char* Write(const Flow& flow, char* out);

 private:
  char* WriteValue(Field field, const Flow& flow, char* out);
  char* WriteTransitValue(Field field, const Flow& flow, char* out);
  char* WriteStatus(const Flow& flow, char* out);
  char* WriteTime(int64_t seconds, char* out);

  const World& world_;
  const bool transit_;
  const bool leading_time_;
  const char separator_;
  int version_ = 2;               // the highest of the format's fields
  std::vector<uint8_t> columns_;  // fields; kUnknown
  static constexpr uint8_t kUnknown = 0xff;
  size_t max_line_ = 0;
  int64_t times_ten_thousands_ = -1;  // the leading digits of the last time,
  char times_text_[16];               // as text of times_length_ characters
  size_t times_length_ = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_LINE_FORMATTER_H_
