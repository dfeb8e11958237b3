// What the lines of a block are: headers, records, blanks, problems (CONTRACT F2, F3). The judgement that every reader of
// text shares; it happens in two steps, so that blocks can be looked at in parallel and judged in order:
//
//   Look()    needs only the block: its index, and the headers in it.
//   Judge()   needs the format in force at its beginning, too: segments of lines of one kind.
//
// Most blocks are one segment of regular lines, proven as DESIGN 2.2 asks: (a, b) every line has exactly n separators, (c)
// no two separators touch and the text begins with none, (d) no byte is below 0x20 but LF, (e) no line is a header.
#ifndef FLOWLOGS_LIB_PARSE_LINES_H_
#define FLOWLOGS_LIB_PARSE_LINES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/parse/record.h"
#include "flowlogs/schema/format.h"
#include "lib/parse/line_index.h"

namespace flowlogs {
inline namespace v1 {

// Lines of one kind that stand together.
struct LineSegment {
  enum class Kind : uint8_t {
    kRegular,    // records whose values the index tells
    kTolerated,  // records with runs of blanks, tabs, CRLF, commas or control bytes: to be rewritten
    kHeader,
    kBlank,
    kProblem,  // `error` says why
  };
  Kind kind;
  ParseError error;
  int header;           // the format in force: a place in Lines::headers(), -1 for the one at the block's beginning
  uint32_t first_line;  // in the block
  uint32_t num_lines;
};

// How the text of a block ends.
struct BlockEnd {
  bool too_long = false;    // the last line is over the limit; only its beginning is here
  bool unfinished = false;  // the input is damaged behind the text
  bool broken = false;      // the last line is an envelope that cannot be read
};

// The lines of one block. Used again from block to block; not thread-safe.
class Lines {
 public:
  struct Header {
    uint32_t line;
    Format format;
  };

  // Indexes the text and finds its headers. `first_in_input`: line 0 is the first line of its input. The text must stay
  // valid while the lines are used.
  void Look(std::string_view text, bool first_in_input, BlockEnd end);
  // Cuts the lines into segments. `format` is in force at the beginning; nullptr: none is known.
  void Judge(const Format* format);

  LineIndex& index() { return index_; }
  const LineIndex& index() const { return index_; }
  const std::vector<Header>& headers() const { return headers_; }
  const std::vector<LineSegment>& segments() const { return segments_; }
  // All lines, a last one without LF included.
  uint32_t num_lines() const { return num_lines_; }
  // The lines that do not end with " OK" and LF: of the others, who looks for a log-status at the end knows it.
  const std::vector<uint32_t>& not_ok() const { return not_ok_; }
  // A line without its LF (a CR stays).
  std::string_view line(uint32_t i) const {
    return i < index_.num_lines() ? index_.line(i) : index_.text().substr(index_.line_begin(i));
  }

 private:
  bool IsSpecial(uint32_t line) const { return (end_.too_long || end_.unfinished || end_.broken) && line + 1 == num_lines_; }
  void LookForHeader(uint32_t line, bool first_in_input);
  void Add(LineSegment::Kind kind, ParseError error, int header, uint32_t line);

  LineIndex index_;
  BlockEnd end_;
  uint32_t num_lines_ = 0;
  std::vector<uint32_t> not_ok_;
  std::vector<Header> headers_;
  std::vector<LineSegment> segments_;
};

// The format at the beginning of an input (CONTRACT F2).
struct DetectedFormat {
  // nullopt: none; the first header will bring one, and lines before it are problems (kNoFormat).
  std::optional<Format> format;
  // The first format: that of the first header if no record stands before it, else `format`. nullopt: the input is empty.
  std::optional<Format> first;
  // Not empty: the format cannot be told. Says what was found and what to do.
  std::string error;
};

// Looks at the first bytes of an input. `whole`: they are all of it. `given`: the format that the caller named.
DetectedFormat DetectFormat(std::string_view prefix, bool whole, const std::optional<Format>& given);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_LINES_H_
