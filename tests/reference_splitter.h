// The reference splitter (STYLE 15): what docs/CONTRACT.md F2 and F3 say about lines, headers and records, written down
// a second time. Plain, slow, without a line of the library but the list of field names. The fast path is tested and
// fuzzed against it; where the two disagree, one of them is wrong.
#ifndef FLOWLOGS_TESTS_REFERENCE_SPLITTER_H_
#define FLOWLOGS_TESTS_REFERENCE_SPLITTER_H_

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/schema/field.h"

namespace flowlogs_test {

struct ReferenceFormat {
  std::vector<std::string> names;  // with hyphens for known fields
  bool comma = false;
  bool leading_time = false;
  size_t width() const { return names.size() + (leading_time ? 1 : 0); }
  bool operator==(const ReferenceFormat&) const = default;
};

struct ReferenceLine {
  enum class Kind : uint8_t { kRecord, kHeader, kBlank, kProblem };
  Kind kind = Kind::kBlank;
  std::string reason;               // of a problem
  std::string text;                 // without LF, CR kept
  ReferenceFormat format;           // of a record or header
  std::vector<std::string> values;  // of a record, without the leading time; "" for an empty cell
};

struct ReferenceResult {
  std::vector<ReferenceLine> lines;
  std::optional<ReferenceFormat> first;  // the first format (CONTRACT L12)
  bool is_error = false;                 // an input error: the format cannot be told
  bool is_unsettled = false;             // CONTRACT F2 leaves it open: the most frequent width is not the majority

  size_t Count(ReferenceLine::Kind kind) const {
    return static_cast<size_t>(
        std::count_if(lines.begin(), lines.end(), [&](const auto& l) { return l.kind == kind; }));
  }
  std::map<std::string, uint64_t> Problems() const {
    std::map<std::string, uint64_t> problems;
    for (const ReferenceLine& line : lines) {
      if (line.kind == ReferenceLine::Kind::kProblem) ++problems[line.reason];
    }
    return problems;
  }
  // Formats of records and headers, in order of first appearance, with their records.
  std::vector<std::pair<std::vector<std::string>, uint64_t>> Formats() const {
    std::vector<std::pair<std::vector<std::string>, uint64_t>> formats;
    for (const ReferenceLine& line : lines) {
      if (line.kind != ReferenceLine::Kind::kRecord && line.kind != ReferenceLine::Kind::kHeader) continue;
      auto same =
          std::find_if(formats.begin(), formats.end(), [&](const auto& f) { return f.first == line.format.names; });
      if (same == formats.end()) same = formats.insert(formats.end(), {line.format.names, 0});
      same->second += line.kind == ReferenceLine::Kind::kRecord;
    }
    return formats;
  }
};

class ReferenceSplitter {
 public:
  static ReferenceResult Split(std::string_view text, const std::optional<ReferenceFormat>& given = std::nullopt,
                               size_t max_line_bytes = 1 << 20) {
    ReferenceResult result;
    std::optional<ReferenceFormat> format = FindFormat(text, given, &result);
    result.first = format;
    bool only_blanks = true;
    size_t number = 0;
    for (std::string_view raw : LinesOf(text)) {
      ReferenceLine line;
      line.text = raw;
      const std::optional<ReferenceFormat> header = HeaderOf(raw, ++number == 1);
      if (raw.size() > max_line_bytes) {
        Problem(&line, "line-too-long");
      } else if (IsBlank(raw)) {
        line.kind = ReferenceLine::Kind::kBlank;
      } else if (header) {
        line.kind = ReferenceLine::Kind::kHeader;
        line.format = *header;
        format = header;
        if (only_blanks) result.first = header;  // no line stands under the given format
        if (!result.first) result.first = header;
      } else if (!format) {
        Problem(&line, "no-format");
      } else {
        line.values = Values(raw, format->comma);
        if (line.values.size() < format->width()) {
          Problem(&line, "too-few-values");
        } else if (line.values.size() > format->width()) {
          Problem(&line, "too-many-values");
        } else {
          line.kind = ReferenceLine::Kind::kRecord;
          line.format = *format;
          if (format->leading_time) line.values.erase(line.values.begin());
        }
      }
      only_blanks = only_blanks && line.kind == ReferenceLine::Kind::kBlank;
      result.lines.push_back(std::move(line));
    }
    return result;
  }

  // Lines without their LF; what stands behind the last LF is a line unless it is nothing.
  static std::vector<std::string_view> LinesOf(std::string_view text) {
    std::vector<std::string_view> lines;
    size_t begin = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\n') continue;
      lines.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
    if (begin < text.size()) lines.push_back(text.substr(begin));
    return lines;
  }

  // The values of a line: between runs of blanks and tabs, or in cells.
  static std::vector<std::string> Values(std::string_view line, bool comma) {
    line = WithoutCr(line);
    std::vector<std::string> values;
    if (!comma) return Words(line);
    for (const std::string& cell : Cells(line)) {
      std::vector<std::string> words = Words(Unquoted(cell));
      if (words.empty()) words.emplace_back();
      values.insert(values.end(), words.begin(), words.end());
    }
    return values;
  }

  static std::optional<ReferenceFormat> HeaderOf(std::string_view line, bool is_first) {
    std::string stripped(line);
    std::replace(stripped.begin(), stripped.end(), '\r', ' ');  // blank space between names; in records it is text
    ReferenceFormat format;
    format.comma = stripped.find(',') != std::string::npos;
    std::vector<std::string> tokens = Words(stripped);
    if (format.comma) {
      tokens.clear();
      for (const std::string& cell : Cells(stripped)) {
        const std::string token = Unquoted(cell);
        if (token.find_first_of(" \t\"") != std::string::npos) return std::nullopt;
        tokens.push_back(token);
      }
    }
    if (tokens.empty() || tokens.size() > 256) return std::nullopt;
    size_t known = 0;
    std::set<std::string> columns;
    for (const std::string& token : tokens) {
      if (token.empty() || token == "-" || IsNumber(token) || IsAddress(token)) return std::nullopt;
      const std::string name = Hyphened(token);
      known += IsField(name);
      format.names.push_back(IsField(name) ? name : token);
      if (!columns.insert(name).second) return std::nullopt;
    }
    if (tokens.size() == 1) return is_first && known == 1 ? std::optional(format) : std::nullopt;
    if (known < 2 || 2 * known < tokens.size()) return std::nullopt;
    return format;
  }

 private:
  static void Problem(ReferenceLine* line, const char* reason) {
    line->kind = ReferenceLine::Kind::kProblem;
    line->reason = reason;
  }

  static std::string_view WithoutCr(std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }

  static bool IsBlank(std::string_view line) {
    return std::all_of(line.begin(), line.end(), [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
  }

  static std::vector<std::string> Words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (char c : text) {
      if (c != ' ' && c != '\t') {
        word += c;
      } else if (!word.empty()) {
        words.push_back(std::exchange(word, ""));
      }
    }
    if (!word.empty()) words.push_back(word);
    return words;
  }

  static std::vector<std::string> Cells(std::string_view line) {
    std::vector<std::string> cells(1);
    for (char c : line) {
      if (c == ',') {
        cells.emplace_back();
      } else {
        cells.back() += c;
      }
    }
    return cells;
  }

  // Without blanks around it and without one pair of quotes.
  static std::string Unquoted(std::string cell) {
    while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.pop_back();
    while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.erase(0, 1);
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    return cell;
  }

  static std::string Hyphened(std::string name) {
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
  }

  static bool IsField(const std::string& name) {
    static const std::set<std::string> names = [] {
      std::set<std::string> all;
      for (const flowlogs::FieldInfo& info : flowlogs::AllFields()) all.emplace(info.name);
      return all;
    }();
    return names.contains(name);
  }

  static bool IsNumber(std::string token) {
    if (token[0] == '-' || token[0] == '+') token.erase(0, 1);
    if (const size_t dot = token.find('.'); dot != std::string::npos) token.erase(dot, 1);
    return !token.empty() && token.find_first_not_of("0123456789") == std::string::npos;
  }

  static bool IsAddress(const std::string& token) {
    if (token.find('\0') != std::string::npos) return false;
    unsigned char bytes[16];
    return inet_pton(AF_INET, token.c_str(), bytes) == 1 || inet_pton(AF_INET6, token.c_str(), bytes) == 1;
  }

  static bool BeginsWithTime(std::string_view line) {
    const std::vector<std::string> words = Words(WithoutCr(line));
    if (words.empty()) return false;
    const std::string& word = words[0];
    const bool digits = word.find_first_not_of("0123456789") == std::string::npos;
    if (digits) return word.size() >= 10;  // seconds or milliseconds
    constexpr std::string_view kShape = "dddd-dd-ddTdd:dd";
    if (word.size() < kShape.size()) return false;
    for (size_t i = 0; i < kShape.size(); ++i) {
      const bool fits = kShape[i] == 'd' ? word[i] >= '0' && word[i] <= '9' : word[i] == kShape[i];
      if (!fits) return false;
    }
    return true;
  }

  // The format in force before the first header (CONTRACT F2).
  static std::optional<ReferenceFormat> FindFormat(std::string_view text, const std::optional<ReferenceFormat>& given,
                                                   ReferenceResult* result) {
    constexpr size_t kPrefix = 64 << 10;
    if (text.size() > kPrefix) {
      text = text.substr(0, kPrefix);
      if (const size_t lf = text.rfind('\n'); lf != std::string_view::npos) text = text.substr(0, lf + 1);
    }
    std::map<std::pair<size_t, bool>, size_t> widths;  // values, in cells or not -> lines
    std::map<size_t, size_t> timed;
    size_t total = 0, most = 0, number = 0;
    bool header = false;
    for (std::string_view line : LinesOf(text)) {
      ++number;
      if (IsBlank(line)) continue;
      if (HeaderOf(line, number == 1)) {
        header = true;
        break;
      }
      const std::string_view content = WithoutCr(line);
      const size_t first = content.find_first_not_of(" \t");
      const size_t last = content.find_last_not_of(" \t");
      const std::string_view inner = content.substr(first, last - first + 1);
      const bool comma =
          inner.find(',') != std::string_view::npos && inner.find_first_of(" \t") == std::string_view::npos;
      const size_t width = Values(inner, comma).size();
      most = std::max(most, ++widths[{width, comma}]);
      ++total;
      if (!comma && BeginsWithTime(inner)) ++timed[width];
    }
    std::vector<ReferenceFormat> candidates = {Default(), TransitGateway()};
    if (given) candidates = {*given};
    for (const ReferenceFormat& candidate : candidates) {
      ReferenceFormat cells = candidate, later = candidate;
      cells.comma = true;
      later.leading_time = true;
      const std::pair<ReferenceFormat, size_t> choices[] = {{candidate, widths[{candidate.names.size(), false}]},
                                                            {cells, widths[{cells.names.size(), true}]},
                                                            {later, timed[later.width()]}};
      for (const auto& [format, count] : choices) {
        if (count * 2 > total) return format;
        if (count > 0 && (count == most || format.leading_time)) result->is_unsettled = true;
      }
    }
    result->is_error = !given && total > 0 && !header;
    return given;
  }

 public:
  static ReferenceFormat Default() {
    return {
        Words("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
              "log-status")};
  }
  static ReferenceFormat TransitGateway() {
    return {
        Words("version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id "
              "tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni "
              "tgw-dst-eni tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol "
              "packets bytes start end log-status type packets-lost-no-route packets-lost-blackhole "
              "packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags region flow-direction "
              "pkt-src-aws-service pkt-dst-aws-service")};
  }
};

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_REFERENCE_SPLITTER_H_
