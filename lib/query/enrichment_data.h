// What an EnrichmentTable is made of: flattened prefixes or texts, rows of values, and how a worker looks in them.
#ifndef FLOWLOGS_LIB_QUERY_ENRICHMENT_DATA_H_
#define FLOWLOGS_LIB_QUERY_ENRICHMENT_DATA_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "flowlogs/query/enrichment.h"
#include "flowlogs/schema/address.h"

namespace flowlogs {
inline namespace v1 {

// What an address or a text leads to is an entry: a row of values, or, of a table with times, a history of rows.
struct EnrichmentTable::Data {
  static constexpr uint32_t kNone = ~uint32_t{0};
  // Before all times: what an entry without one holds since.
  static constexpr int64_t kAlways = std::numeric_limits<int64_t>::min();
  struct Version {
    int64_t since;
    uint32_t row;
  };

  std::vector<std::string> columns;
  std::vector<std::string> fields;
  size_t size = 0;

  // Intervals: each goes up to the next one's begin. Sorted; the first begins at the first address. For IPv4,
  // v4_first[a >> 16] is the place of the interval that holds the first address of that /16.
  std::vector<uint32_t> v4_begins, v4_entries, v4_first;
  std::vector<IpAddress> v6_begins;
  std::vector<uint32_t> v6_entries;
  absl::flat_hash_map<std::string_view, uint32_t> texts;
  std::deque<std::string> arena;  // of texts and values

  std::vector<std::string_view> values;  // of row r and column c at r * columns.size() + c; data() == nullptr for none
  bool is_timed = false;  // entries are histories: versions[history_begins[e]] to versions[history_begins[e + 1]]
  std::vector<uint32_t> history_begins;
  std::vector<Version> versions;  // by time

  // Intervals by their begins and entries, in order; of two with one begin the later one counts.
  using Intervals = std::vector<std::pair<IpAddress, uint32_t>>;
  void FillV4(const Intervals& intervals);
  void FillV6(const Intervals& intervals);

  bool is_by_address() const { return fields.empty(); }
  // Of a name as the language has it: hyphen equals underscore.
  std::optional<size_t> ColumnOf(std::string_view name) const;
  uint32_t FindV4(uint32_t bits) const;
  uint32_t FindV6(IpAddress address) const;
  uint32_t Find(IpAddress address) const { return address.is_v4() ? FindV4(address.v4_bits()) : FindV6(address); }
  uint32_t Find(std::string_view text) const {
    const auto found = texts.find(text);
    return found == texts.end() ? kNone : found->second;
  }
  // `start`: kNullWord of lib/parse/record_batch.h for none.
  std::string_view Value(uint32_t entry, size_t column, int64_t start) const {
    if (entry == kNone) return {};
    const uint32_t row = is_timed ? RowAt(entry, start) : entry;
    return values[row * columns.size() + column];
  }
  uint32_t RowAt(uint32_t entry, int64_t start) const;
};

struct EnrichmentAccess {
  static const EnrichmentTable::Data& DataOf(const EnrichmentTable& table) { return *table.data_; }
};

// The addresses that a worker looked for last in one table: one a place, by hash. Most traffic is of few addresses.
class RecentAddresses {
 public:
  uint32_t Find(const EnrichmentTable::Data& data, IpAddress address) {
    const uint64_t hash = (address.low() ^ address.high() * 0xff51afd7ed558ccd) * 0x9e3779b97f4a7c15;
    Recent& recent = recent_[hash >> (64 - kBits)];
    if (recent.address == address) [[likely]]
      return recent.entry;
    recent = {address, data.Find(address)};
    return recent.entry;
  }
  explicit RecentAddresses(const EnrichmentTable::Data& data) : recent_(size_t{1} << kBits) {
    const Recent first{IpAddress(), data.Find(IpAddress())};
    std::fill(recent_.begin(), recent_.end(), first);
  }

 private:
  static constexpr int kBits = 12;
  struct Recent {
    IpAddress address;
    uint32_t entry = 0;
  };
  std::vector<Recent> recent_;
};

// The same of texts that the table has.
class RecentTexts {
 public:
  explicit RecentTexts(const EnrichmentTable::Data& data);
  uint32_t Find(const EnrichmentTable::Data& data, std::string_view text);

 private:
  struct Recent {
    std::string_view text;  // the table's own
    uint32_t entry = EnrichmentTable::Data::kNone;
  };
  int shift_;  // of a hash: what is left is a place
  std::vector<Recent> recent_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ENRICHMENT_DATA_H_
