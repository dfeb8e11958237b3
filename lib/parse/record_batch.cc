#include "lib/parse/record_batch.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "flowlogs/schema/value.h"

namespace flowlogs {
inline namespace v1 {
namespace {

static_assert(std::endian::native == std::endian::little, "DecodeEight() reads digits as little-endian words");

constexpr uint64_t kZeros = 0x3030303030303030;

// The last `length` (1 to 8) of the eight characters before `end` as a decimal number; false if one is no digit. Reads
// eight bytes before `end`, whatever the length.
inline bool DecodeEight(const char* end, size_t length, uint64_t* value) {
  uint64_t v;
  std::memcpy(&v, end - 8, 8);
  const unsigned others = static_cast<unsigned>(8 - length) * 8;
  const uint64_t keep = ~uint64_t{0} << others;  // others < 64, since length > 0
  v = (v & keep) | (kZeros & ~keep);
  const uint64_t digits = v - kZeros;
  if (((v + 0x4646464646464646) | digits) & 0x8080808080808080) return false;
  v = digits * 10 + (digits >> 8);
  *value = (((v & 0x000000FF000000FF) * 0x000F424000000064) + (((v >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >> 32;
  return true;
}

// A decimal number of any length, kNullWord if it is none or over `max`. Reads eight bytes before the token.
inline int64_t DecodeInteger(std::string_view token, int64_t max) {
  const char* end = token.data() + token.size();
  uint64_t low = 0;
  if (token.size() <= 8) {
    if (!DecodeEight(end, token.size(), &low)) return kNullWord;
  } else if (token.size() <= 16) {
    uint64_t high = 0;
    if (!DecodeEight(end, 8, &low) || !DecodeEight(end - 8, token.size() - 8, &high)) return kNullWord;
    low += high * 100'000'000;
  } else {
    return ParseInteger(token, max).value_or(kNullWord);
  }
  return low > static_cast<uint64_t>(max) ? kNullWord : static_cast<int64_t>(low);
}

}  // namespace

void RecordBatch::Reset(const RegularRun& run) {
  run_ = run;
  ++generation_;
  text_ = run.index->text().data();
  last_selection_id_ = 0;
  const size_t columns = run.format->size();
  if (words_.size() < columns) words_.resize(columns);
  if (texts_.size() < columns) texts_.resize(columns);
  if (places_.size() < run.format->values_per_line()) places_.resize(run.format->values_per_line());
  for (auto& buffer : places_) buffer.selection = kNothing;
  for (auto& buffer : words_) buffer.selection = kNothing;
  for (auto& buffer : texts_) buffer.selection = kNothing;
  v6_.clear();
  decoded_tags_.clear();
  bad_.clear();
}

void RecordBatch::Locate(std::span<const int> columns, Rows rows) {
  wanted_.clear();
  const int skip = format().leading_time() ? 1 : 0;
  for (int column : columns) {
    for (int number : {column + skip - 1, column + skip}) {
      if (number >= 0 && !places_[static_cast<size_t>(number)].Has(rows)) wanted_.push_back(static_cast<uint16_t>(number));
    }
  }
  if (wanted_.empty()) return;
  std::sort(wanted_.begin(), wanted_.end());
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
  outputs_.clear();
  for (uint16_t number : wanted_) {
    outputs_.push_back(places_[number].Reserve(run_.num_rows));
    places_[number].selection = rows.id;
  }
  run_.index->kernel().locate(run_.index->separators(), run_.index->line_ends(), run_.first_line, rows.list, rows.count,
                              wanted_.data(), wanted_.size(), outputs_.data());
}

RecordBatch::Place RecordBatch::Find(int column, Rows rows) {
  Locate(std::span<const int>(&column, 1), rows);
  const size_t number = static_cast<size_t>(column) + (format().leading_time() ? 1 : 0);
  return {number == 0 ? nullptr : places_[number - 1].data.get(), places_[number].data.get()};
}

template <typename Decode>
const int64_t* RecordBatch::DecodeWords(int column, Rows rows, Decode decode) {
  Buffer<int64_t>& buffer = words_[static_cast<size_t>(column)];
  if (buffer.Has(rows)) return buffer.data.get();
  const Place place = Find(column, rows);
  int64_t* words = buffer.Reserve(run_.num_rows);
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    const std::string_view token = Token(place, row);
    int64_t word = decode(token);
    if (word == kNullWord && !IsMissing(token)) [[unlikely]] bad_.push_back({row, static_cast<uint16_t>(column)});
    words[row] = word;
  }
  buffer.selection = rows.id;
  return words;
}

const int64_t* RecordBatch::Integers(int column, Rows rows) {
  const ValueType type = format().columns()[static_cast<size_t>(column)].type();
  if (type == ValueType::kTime) {
    return DecodeWords(column, rows, [](std::string_view token) {
      const int64_t word = DecodeInteger(token, std::numeric_limits<int64_t>::max());
      return word >= 100'000'000'000 ? word / 1000 : word;  // milliseconds: see ParseIntegerOf()
    });
  }
  const int64_t max = type == ValueType::kInt32 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int64_t>::max();
  return DecodeWords(column, rows, [max](std::string_view token) { return DecodeInteger(token, max); });
}

const int64_t* RecordBatch::Addresses(int column, Rows rows) {
  return DecodeWords(column, rows, [this](std::string_view token) -> int64_t {
    uint32_t bits = 0;
    if (internal::ParseV4(token, &bits)) return bits;
    const std::optional<IpAddress> address = IpAddress::Parse(token);
    if (!address) return kNullWord;
    if (address->is_v4()) return address->v4_bits();
    v6_.push_back(*address);
    return kV6Tag | static_cast<int64_t>(v6_.size() - 1);
  });
}

const std::string_view* RecordBatch::Texts(int column, Rows rows) {
  Buffer<std::string_view>& buffer = texts_[static_cast<size_t>(column)];
  if (buffer.Has(rows)) return buffer.data.get();
  const Place place = Find(column, rows);
  std::string_view* texts = buffer.Reserve(run_.num_rows);
  const bool is_tag = format().columns()[static_cast<size_t>(column)].type() == ValueType::kTag;
  std::string* arena = nullptr;
  if (is_tag) {
    // Decoded text is never longer, so the arena does not move while views point into it.
    size_t size = 0;
    for (uint32_t i = 0; i < rows.count; ++i) size += Token(place, rows[i]).size();
    arena = decoded_tags_.emplace_back(std::make_unique<std::string>()).get();
    arena->reserve(size);
  }
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    std::string_view token = Token(place, row);
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
