#include "lib/query/seen_lines.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "lib/io/hash_table.h"
#include "lib/query/group_table.h"

namespace flowlogs {
inline namespace v1 {
namespace {

void MixIn(LineHash* hash, uint64_t word) {
  hash->first = MixWord(hash->first, word);
  hash->second = MixWord(hash->second ^ 0x2545f4914f6cdd1d, (word << 32 | word >> 32) + hash->first);
}

// The size goes in too, so that the zeros behind the last bytes say nothing.
LineHash HashText(LineHash hash, std::string_view text) {
  MixIn(&hash, text.size());
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    MixIn(&hash, word);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, text.data() + at, text.size() - at);
  MixIn(&hash, rest);
  return hash;
}

}  // namespace

LineHash HashFormat(const Format& format) {
  LineHash hash = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93};
  for (const FormatColumn& column : format.columns()) hash = HashText(hash, column.name);
  return hash;
}

LineHash HashRecord(LineHash format, const RecordBatch& batch, uint32_t row) {
  if (batch.run().arrow != nullptr) {
    std::string line;
    batch.run().AppendLine(row, &line);
    return HashText(format, line);
  }
  std::string_view line = batch.run().text(row);
  if (batch.format().leading_time()) line.remove_prefix(std::min(line.size(), line.find(' ')));
  return HashText(format, line);
}

bool SeenLines::IsFirst(LineHash record, uint64_t place) {
  Shard& shard = shards_[record.first % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  if (is_full_.load(std::memory_order_relaxed)) return true;
  const size_t capacity = shard.places.capacity();
  const auto [it, is_new] = GrowTable(shard.places, [&](auto& table) { return table.try_emplace(record, place); });
  if (shard.places.capacity() != capacity) {
    const size_t grown = (shard.places.capacity() - capacity) * (sizeof(*it) + 1);
    if (bytes_.fetch_add(grown, std::memory_order_relaxed) + grown > max_bytes_) is_full_ = true;
  }
  return is_new || it->second == place;
}

absl::Status SeenLines::status() const {
  if (!is_full_) return absl::OkStatus();
  return absl::ResourceExhaustedError("limit: the records that dedup tells apart take more memory than max_group_bytes (" +
                                      std::to_string(max_bytes_) +
                                      "); filter them first, take a shorter time, or raise the limit");
}

}  // namespace v1
}  // namespace flowlogs
