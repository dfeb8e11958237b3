#include "lib/parse/lines.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Cheap and exact enough: false only if Format::FromHeader() would refuse the line, and nearly always false for records.
bool MayBeHeader(std::string_view line, bool first_line) {
  if (line.size() >= 2 && IsDigit(line[0]) && line[1] == ' ') return false;  // "2 1234...": the first token is a number
  size_t tokens = 0;
  size_t known = 0;
  bool possible = true;
  internal::ForEachToken(internal::StripLineEnd(line), internal::kHeaderBlanks, [&](std::string_view token) {
    const size_t comma = token.find(',');
    // A comma in front has the end of a cell before it: "version , srcaddr".
    if (comma != 0 && internal::IsValueToken(token.substr(0, comma))) return possible = false;
    if (comma != std::string_view::npos) {
      known = tokens = 2;
      return false;
    }
    ++tokens;
    known += FindField(token).has_value();
    return true;
  });
  return possible && known > 0 && ((known >= 2 && known * 2 >= tokens) || (first_line && tokens == 1));
}

// Single blanks inside, none at the ends, no control byte: the index tells the values.
bool IsClean(std::string_view line) {
  bool after_blank = true;
  for (char c : line) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c == ' ' && after_blank) return false;
    after_blank = c == ' ';
  }
  return !after_blank;
}

size_t CountValues(std::string_view line, Separator separator) {
  size_t count = 0;
  internal::ForEachValue(line, separator, [&](size_t, size_t) { ++count; });
  return count;
}

// The first value of a line of a CloudWatch export: an ISO 8601 time, or epoch seconds or milliseconds.
bool IsTime(std::string_view token) {
  if (token.size() >= 10 && std::all_of(token.begin(), token.end(), IsDigit)) return true;
  if (token.size() < 16 || token[4] != '-' || token[7] != '-' || token[10] != 'T' || token[13] != ':') return false;
  for (size_t i : {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15}) {
    if (!IsDigit(token[i])) return false;
  }
  return true;
}

}  // namespace

void Lines::Look(std::string_view text, bool first_in_input, BlockEnd end) {
  index_.Build(text);
  end_ = end;
  const size_t whole = index_.num_lines();
  num_lines_ = static_cast<uint32_t>(whole) + (text.empty() || text.back() == '\n' ? 0 : 1);
  headers_.clear();
  segments_.clear();
  not_ok_.clear();
  if (num_lines_ > 0) LookForHeader(0, first_in_input);
  // One load sees how a line ends and how the next one begins: nearly always " OK", and "2 " or whatever short number the
  // second line begins with.
  constexpr uint64_t kOk = ' ' | 'O' << 8 | 'K' << 16 | '\n' << 24;
  constexpr uint64_t kSix = 0xffffffffffff;
  uint64_t usual = kOk;
  if (const std::string_view second = num_lines_ > 1 ? line(1) : std::string_view(); second.size() >= 2) {
    usual |= uint64_t{static_cast<unsigned char>(second[0])} << 32 | uint64_t{static_cast<unsigned char>(second[1])} << 40;
  }
  const auto look = [&](uint32_t i) {
    if (!line(i).ends_with(" OK")) not_ok_.push_back(i);
    if (i + 1 < num_lines_) LookForHeader(i + 1, false);
  };
  uint32_t first = 0, last = static_cast<uint32_t>(whole);  // those for which all of the eight bytes are in the text
  while (first < last && index_.line_end(first) < 3) look(first++);
  while (last > first && index_.line_end(last - 1) + 5 > text.size()) --last;
  const bool is_number = IsDigit(static_cast<char>(usual >> 32)) && static_cast<char>(usual >> 40) == ' ';
  for (uint32_t i = first; i < last; ++i) {
    uint64_t bytes;
    std::memcpy(&bytes, text.data() + index_.line_end(i) - 3, sizeof(bytes));
    if (!is_number || ((bytes ^ usual) & kSix) != 0) [[unlikely]] look(i);
  }
  for (uint32_t i = last; i < whole; ++i) look(i);
}

void Lines::LookForHeader(uint32_t i, bool first_in_input) {
  const std::string_view text_line = line(i);
  if (!MayBeHeader(text_line, first_in_input) || IsSpecial(i)) return;
  if (std::optional<Format> format = Format::FromHeader(text_line, first_in_input)) {
    const bool same = !headers_.empty() && headers_.back().format == *format;
    headers_.push_back({i, same ? headers_.back().format : *std::move(format)});
  }
}

void Lines::Add(LineSegment::Kind kind, ParseError error, int header, uint32_t line) {
  if (!segments_.empty()) {
    LineSegment& last = segments_.back();
    if (last.kind == kind && last.error == error && last.header == header) {
      ++last.num_lines;
      return;
    }
  }
  segments_.push_back({kind, error, header, line, 1});
}

void Lines::Judge(const Format* format) {
  using Kind = LineSegment::Kind;
  segments_.clear();
  if (num_lines_ == 0) return;
  const bool clean = !index_.touching() && !index_.control();
  if (clean && headers_.empty() && num_lines_ == index_.num_lines() && !IsSpecial(num_lines_ - 1) && format != nullptr &&
      format->separator() == Separator::kBlank &&
      index_.AllLinesHave(static_cast<uint32_t>(format->values_per_line()))) {
    segments_.push_back({Kind::kRegular, ParseError::kOk, -1, 0, num_lines_});
    return;
  }
  int header = -1;
  for (uint32_t i = 0; i < num_lines_; ++i) {
    const size_t next = static_cast<size_t>(header + 1);
    if (next < headers_.size() && headers_[next].line == i) {
      ++header;
      format = &headers_[next].format;
      Add(Kind::kHeader, ParseError::kOk, header, i);
      continue;
    }
    const std::string_view text = internal::StripLineEnd(line(i));
    if (IsSpecial(i)) {
      const ParseError error = end_.broken ? ParseError::kBrokenEnvelope
                               : end_.too_long ? ParseError::kLineTooLong
                                               : ParseError::kUnfinished;
      Add(Kind::kProblem, error, header, i);
    } else if (internal::IsBlankLine(text)) {
      Add(Kind::kBlank, ParseError::kBlank, header, i);
    } else if (format == nullptr) {
      Add(Kind::kProblem, ParseError::kNoFormat, header, i);
    } else {
      const size_t wanted = format->values_per_line();
      const bool regular = i < index_.num_lines() && format->separator() == Separator::kBlank &&
                           (clean || IsClean(line(i)));
      const size_t values = regular ? index_.separators_in(i) : CountValues(text, format->separator());
      if (values == wanted) {
        Add(regular ? Kind::kRegular : Kind::kTolerated, ParseError::kOk, header, i);
      } else {
        Add(Kind::kProblem, values < wanted ? ParseError::kTooFewValues : ParseError::kTooManyValues, header, i);
      }
    }
  }
}

DetectedFormat DetectFormat(std::string_view prefix, bool whole, const std::optional<Format>& given) {
  if (!whole) {
    // The last line of the prefix is cut, unless it is the only one.
    const size_t last = prefix.rfind('\n');
    if (last != std::string_view::npos) prefix = prefix.substr(0, last + 1);
  }
  // Lines before the first header, counted by their number of values: how many, and how many begin with a time.
  struct Count {
    size_t values;
    Separator separator;
    size_t lines = 0;
    size_t timed = 0;
  };
  std::vector<Count> counts;
  std::optional<Format> header;
  // Where values are separated by single blanks, the index counts them.
  constexpr size_t kWorthAnIndex = 4096;
  LineIndex index;
  if (prefix.size() >= kWorthAnIndex) index.Build(prefix);
  const bool is_indexed = prefix.size() >= kWorthAnIndex && !index.touching() && !index.control();
  size_t number = 0;
  for (size_t begin = 0; begin < prefix.size() && !header; ++number) {
    size_t end = prefix.find('\n', begin);
    if (end == std::string_view::npos) end = prefix.size();
    const std::string_view line = internal::StripBlanks(internal::StripLineEnd(prefix.substr(begin, end - begin)));
    begin = end + 1;
    if (internal::IsBlankLine(line)) continue;
    if (MayBeHeader(line, number == 0) && (header = Format::FromHeader(line, number == 0))) break;
    size_t values = is_indexed && number < index.num_lines() ? index.separators_in(number) : 0;
    Separator separator = Separator::kBlank;
    if (values < 2) {
      const bool cells =
          line.find(',') != std::string_view::npos && line.find_first_of(" \t") == std::string_view::npos;
      if (cells) separator = Separator::kComma;
      values = CountValues(line, separator);
    }
    auto count = std::find_if(counts.begin(), counts.end(), [&](const Count& c) {
      return c.values == values && c.separator == separator;
    });
    if (count == counts.end()) count = counts.insert(count, {values, separator});
    ++count->lines;
    count->timed += separator == Separator::kBlank && IsTime(line.substr(0, line.find_first_of(" \t")));
  }

  DetectedFormat found;
  const auto most = std::max_element(counts.begin(), counts.end(),
                                     [](const Count& a, const Count& b) { return a.lines < b.lines; });
  auto fits = [&](const Format& format) -> std::optional<Format> {
    if (most == counts.end()) return std::nullopt;
    const Format base = most->separator == format.separator() ? format : format.WithSeparator(most->separator);
    if (most->values == base.values_per_line()) return base;
    if (most->values == base.size() + 1 && most->timed * 2 > most->lines) return base.WithLeadingTime();
    return std::nullopt;
  };
  if (given) {
    const std::optional<Format> fitting = fits(*given);
    found.format = fitting ? *fitting : *given;
  } else if (most != counts.end()) {
    found.format = fits(Format::Default());
    if (!found.format) found.format = fits(Format::TransitGateway());
    if (!found.format && !header) {
      found.error = std::to_string(most->values) + (most->values == 1 ? " value" : " values") +
                    " in each line and no header: give the format";
    }
  }
  found.first = most == counts.end() || (!found.format && header) ? header : found.format;
  if (!found.first && given) found.first = given;
  return found;
}

}  // namespace v1
}  // namespace flowlogs
