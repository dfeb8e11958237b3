// Errors of the language: the caret, the column and the suggestion.
#include <algorithm>
#include <charconv>

#include "absl/strings/cord.h"

#include "flowlogs/query/query.h"
#include "lib/query/expression.h"
#include "lib/query/lexer.h"
#include "lib/query/status.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr char kColumnPayload[] = "flowlogs/expression-column";
// Of a longer line only the part around the caret is shown, this many bytes to each side.
constexpr size_t kShownBytes = 120;

// Appends `bytes` as one line of valid UTF-8, whatever they are. `keep_tabs`: where the line of the caret has them too.
void AppendShown(std::string_view bytes, bool keep_tabs, std::string* out) {
  while (!bytes.empty()) {
    const size_t size = language::Utf8CharSize(bytes);
    const unsigned char first = static_cast<unsigned char>(bytes[0]);
    if (size == 0) {
      *out += '?';
    } else if (first < 0x20 || first == 0x7F) {
      *out += keep_tabs && first == '\t' ? '\t' : language::IsBlank(bytes[0]) ? ' ' : '?';
    } else {
      *out += bytes.substr(0, size);
    }
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

absl::Status ExpressionError(std::string_view text, size_t position, std::string_view what) {
  position = std::min(position, text.size());
  size_t begin = position == 0 ? 0 : text.rfind('\n', position - 1) + 1;  // npos + 1 is 0
  size_t end = std::min(text.find('\n', position), text.size());
  std::string_view before, after;
  if (position - begin > kShownBytes) {
    before = "...";
    begin = position - kShownBytes;
    while (begin < position && IsContinuation(text[begin])) ++begin;
  }
  if (end - position > kShownBytes) {
    after = "...";
    end = position + kShownBytes;
    while (end > position && IsContinuation(text[end])) --end;
  }

  std::string message;
  AppendShown(what, /*keep_tabs=*/false, &message);
  message += '\n';
  const size_t line = message.size();
  message += before;
  AppendShown(text.substr(begin, position - begin), /*keep_tabs=*/true, &message);
  std::string caret;
  for (char c : std::string_view(message).substr(line)) {
    if (!IsContinuation(c)) caret += c == '\t' ? '\t' : ' ';
  }
  AppendShown(text.substr(position, end - position), /*keep_tabs=*/true, &message);
  message += after;
  message += '\n';
  message += caret;
  message += '^';

  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kColumnPayload, NumberPayload(position + 1));
  return status;
}

std::optional<size_t> ExpressionColumn(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kColumnPayload);
  if (!payload) return std::nullopt;
  const std::string digits(*payload);
  size_t column = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), column);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return column;
}

namespace {

char Fold(char c) { return c == '-' ? '_' : internal::Lower(c); }

// Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Fold(a[i - 1]) == Fold(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && Fold(a[i - 1]) == Fold(b[j - 2]) && Fold(a[i - 2]) == Fold(b[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Suggest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr size_t kLongestWord = 64;  // no name is longer
  std::string_view best;
  if (word.empty() || word.size() > kLongestWord) return "";
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    const size_t shorter = std::min(word.size(), candidate.size());
    if (std::max(word.size(), candidate.size()) - shorter >= best_distance) continue;
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance && distance < shorter) {
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

}  // namespace v1
}  // namespace flowlogs
