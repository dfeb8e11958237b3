#include "lib/parse/record_batch.h"

#include <algorithm>
#include <cstring>

#include "flowlogs/schema/value.h"

namespace flowlogs {
inline namespace v1 {
namespace {

// Whether to find all separators at once.
bool WantsOffsets(const Kernel& kernel, size_t wanted, size_t per_line) {
  return kernel.locate == nullptr || wanted * 3 > per_line * kernel.offsets_thirds;
}

}  // namespace

void RecordBatch::Reset(const RegularRun& run) {
  run_ = run;
  ++generation_;
  text_ = run.arrow != nullptr ? nullptr : run.index->text().data();
  line_ends_ = run.arrow != nullptr ? nullptr : run.index->line_ends() + run.first_line;
  last_selection_id_ = 0;
  const size_t columns = run.format->size();
  if (words_.size() < columns) words_.resize(columns);
  if (texts_.size() < columns) texts_.resize(columns);
  if (places_.size() < run.format->values_per_line()) places_.resize(run.format->values_per_line());
  for (auto& buffer : places_) buffer.selection = kNothing;
  for (auto& buffer : words_) buffer.selection = kNothing;
  for (auto& buffer : texts_) buffer.selection = kNothing;
  v6_.clear();
  uses_offsets_ = false;
  decoded_tags_.clear();
  bad_.clear();
}

void RecordBatch::Locate(std::span<const int> columns, Rows rows) {
  if (run_.arrow != nullptr) return;  // columns stand on their own
  if (uses_offsets_) return;
  wanted_.clear();
  const int skip = format().leading_time() ? 1 : 0;
  const int last = static_cast<int>(format().values_per_line()) - 1;
  for (int column : columns) {
    for (int number : {column + skip - 1, column + skip}) {
      // A line's end, or that of the line before, is where the index has it.
      if (number < 0 || number >= last) continue;
      if (!places_[static_cast<size_t>(number)].Has(rows)) wanted_.push_back(static_cast<uint16_t>(number));
    }
  }
  if (wanted_.empty()) return;
  std::sort(wanted_.begin(), wanted_.end());
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
  const Kernel& kernel = run_.index->kernel();
  const size_t per_line = format().values_per_line();
  if (WantsOffsets(kernel, wanted_.size(), per_line)) {
    run_.index->offsets();
    uses_offsets_ = true;
    return;
  }
  outputs_.clear();
  for (uint16_t number : wanted_) {
    outputs_.push_back(places_[number].Reserve(run_.num_rows));
    places_[number].selection = rows.id;
  }
  kernel.locate(run_.index->separators(), run_.index->line_ends(), run_.first_line, static_cast<uint32_t>(per_line),
                rows.list, rows.count, wanted_.data(), wanted_.size(), outputs_.data());
}

Tokens RecordBatch::Find(int column, Rows rows) {
  Locate(std::span<const int>(&column, 1), rows);
  const size_t per_line = format().values_per_line();
  const size_t number = static_cast<size_t>(column) + (format().leading_time() ? 1 : 0);
  if (uses_offsets_) {
    const uint32_t* after = run_.index->offsets() + run_.index->first_separator(run_.first_line) + number;
    return {text_, after - 1, after, per_line, rows.list, rows.count};
  }
  return {text_,
          number == 0 ? line_ends_ - 1 : places_[number - 1].data.get(),
          number + 1 == per_line ? line_ends_ : places_[number].data.get(),
          1,
          rows.list,
          rows.count};
}

const int64_t* RecordBatch::Integers(int column, Rows rows) {
  if (run_.arrow != nullptr) return ArrowWords(column, rows);
  Buffer<int64_t>& buffer = words_[static_cast<size_t>(column)];
  if (buffer.Has(rows)) return buffer.data.get();
  const Tokens tokens = Find(column, rows);
  int64_t* words = buffer.Reserve(run_.num_rows);
  if (failed_.size() < rows.count) failed_.resize(rows.count);
  const ValueType type = format().columns()[static_cast<size_t>(column)].type();
  const int64_t max = type == ValueType::kInt32 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int64_t>::max();
  const size_t failed = run_.index->kernel().integers(tokens, max, words, failed_.data());
  for (size_t i = 0; i < failed; ++i) {
    const uint32_t row = failed_[i];
    const std::string_view token = Token(tokens, row);
    // What is left is missing, bad, or has more than 16 digits.
    const std::optional<int64_t> value = token.size() > 16 ? ParseInteger(token, max) : std::nullopt;
    words[row] = value ? *value : Bad(token, row, column);
  }
  if (type == ValueType::kTime) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      int64_t& word = words[rows[i]];
      if (word >= 100'000'000'000) word /= 1000;  // milliseconds: see ParseIntegerOf()
    }
  }
  buffer.selection = rows.id;
  return words;
}

const int64_t* RecordBatch::Addresses(int column, Rows rows) {
  if (run_.arrow != nullptr) return ArrowWords(column, rows);
  Buffer<int64_t>& buffer = words_[static_cast<size_t>(column)];
  if (buffer.Has(rows)) return buffer.data.get();
  const Tokens tokens = Find(column, rows);
  int64_t* words = buffer.Reserve(run_.num_rows);
  if (failed_.size() < rows.count) failed_.resize(rows.count);
  const size_t failed = run_.index->kernel().v4_addresses(tokens, words, failed_.data());
  for (size_t i = 0; i < failed; ++i) {
    const uint32_t row = failed_[i];
    const std::string_view token = Token(tokens, row);
    const std::optional<IpAddress> address = IpAddress::Parse(token);
    if (!address) {
      words[row] = Bad(token, row, column);
    } else if (address->is_v4()) {
      words[row] = address->v4_bits();
    } else {
      words[row] = kV6Tag | static_cast<int64_t>(v6_.size());
      v6_.push_back(*address);
    }
  }
  buffer.selection = rows.id;
  return words;
}

std::string_view RecordBatch::BeforeLast(uint32_t row) const {
  const std::string_view line = run_.text(row);
  const size_t end = line.rfind(' ');
  const size_t begin = line.rfind(' ', end - 1) + 1;  // 0 if there is none: the line has two values
  return line.substr(begin, end - begin);
}

uint32_t RecordBatch::SelectBeforeLast(Rows rows, std::string_view wanted, uint32_t* out) const {
  // The word and the separators around it are eight bytes or less; the one behind it is where BeforeOk() says.
  const unsigned shift = static_cast<unsigned>(8 * (7 - wanted.size()));
  uint64_t word = ' ';
  std::memcpy(reinterpret_cast<char*>(&word) + 1, wanted.data(), wanted.size());
  uint32_t count = 0;
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    bool is_ok;
    bool is_same = BeforeOk(row, &is_ok) >> shift == word;
    if (!is_ok) [[unlikely]] is_same = BeforeLast(row) == wanted;
    out[count] = row;
    count += is_same;
  }
  return count;
}

uint32_t RecordBatch::SelectText(int column, Rows rows, std::string_view wanted, bool negated, uint32_t* out) {
  // With two columns, the separator in front of the first is that of the line before, or nothing.
  if (!negated && IsBeforeLast(format(), column) && column > 0 && wanted.size() < 8 && !IsMissing(wanted) &&
      wanted.find(' ') == std::string_view::npos) {
    return SelectBeforeLast(rows, wanted, out);
  }
  const Tokens tokens = Find(column, rows);
  if (IsMissing(wanted) && !negated) return 0;
  // Most words fit into eight bytes: one load, which may read behind the token, and one comparison.
  const bool is_short = wanted.size() <= 8;
  const uint64_t keep = wanted.empty() ? 0 : ~uint64_t{0} >> (64 - 8 * std::min<size_t>(wanted.size(), 8));
  uint64_t word = 0;
  std::memcpy(&word, wanted.data(), std::min<size_t>(wanted.size(), 8));
  uint32_t count = 0;
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    const std::string_view token = Token(tokens, row);
    uint64_t head;
    std::memcpy(&head, token.data(), 8);
    const bool is_same =
        token.size() == wanted.size() && (head & keep) == word && (is_short || token.substr(8) == wanted.substr(8));
    out[count] = row;
    count += negated ? !is_same && !IsMissing(token) : is_same;
  }
  return count;
}

const std::string_view* RecordBatch::Texts(int column, Rows rows) {
  if (run_.arrow != nullptr) return ArrowTexts(column, rows);
  Buffer<std::string_view>& buffer = texts_[static_cast<size_t>(column)];
  if (buffer.Has(rows)) return buffer.data.get();
  const Tokens tokens = Find(column, rows);
  std::string_view* texts = buffer.Reserve(run_.num_rows);
  const bool is_tag = format().columns()[static_cast<size_t>(column)].type() == ValueType::kTag;
  std::string* arena = nullptr;
  if (is_tag) {
    // Decoded text is never longer, so the arena does not move while views point into it.
    size_t size = 0;
    for (uint32_t i = 0; i < rows.count; ++i) size += Token(tokens, rows[i]).size();
    arena = decoded_tags_.emplace_back(std::make_unique<std::string>()).get();
    arena->reserve(size);
  }
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    std::string_view token = Token(tokens, row);
    if (IsMissing(token)) {
      token = std::string_view();
    } else if (is_tag && token.find('%') != std::string_view::npos) {
      const size_t begin = arena->size();
      *arena += DecodeTag(token);
      token = std::string_view(arena->data() + begin, arena->size() - begin);
    }
    texts[row] = token;
  }
  buffer.selection = rows.id;
  return texts;
}

std::span<const RecordBatch::BadValue> RecordBatch::BadValues() {
  std::sort(bad_.begin(), bad_.end());
  bad_.erase(std::unique(bad_.begin(), bad_.end()), bad_.end());
  return bad_;
}

}  // namespace v1
}  // namespace flowlogs
