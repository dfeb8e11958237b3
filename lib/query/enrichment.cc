// Tables of prefixes and texts: entries in any order become sorted intervals and rows.
#include "flowlogs/query/enrichment.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_set>

#include "lib/io/hash_table.h"
#include "lib/parse/record_batch.h"
#include "lib/query/address_sets.h"
#include "lib/query/enrichment_data.h"
#include "lib/query/operand.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using Data = EnrichmentTable::Data;

// An entry as it was added.
struct PrefixEntry {
  IpAddress first;
  int length;  // of 128 for both kinds, so that it says which of two is the longer
  int64_t since;
  uint32_t row;
};
struct TextEntry {
  std::string_view text;
  int64_t since;
  uint32_t row;
};

// The address behind the last one of a prefix; none behind the last of all.
std::optional<IpAddress> After(const PrefixEntry& entry) {
  const int length = entry.first.is_v4() ? entry.length - 96 : entry.length;
  const IpAddress last = IpPrefix(entry.first, length).last();
  if (entry.first.is_v4() && last.v4_bits() == std::numeric_limits<uint32_t>::max()) return std::nullopt;
  return language::AddressAfter(last);
}

// Cuts nested prefixes, sorted by (first, length), into intervals. One that begins inside of another ends inside of it.
Data::Intervals Flatten(const std::vector<std::pair<PrefixEntry, uint32_t>>& prefixes) {
  Data::Intervals intervals;
  auto put = [&intervals](IpAddress begin, uint32_t entry) {
    if (!intervals.empty() && intervals.back().first == begin) intervals.pop_back();
    if (intervals.empty() || intervals.back().second != entry) intervals.emplace_back(begin, entry);
  };
  struct Open {
    std::optional<IpAddress> after;
    uint32_t entry;
  };
  std::vector<Open> open;
  auto close_until = [&](std::optional<IpAddress> begin) {  // nullopt: all
    while (!open.empty() && open.back().after && (!begin || *open.back().after <= *begin)) {
      const IpAddress at = *open.back().after;
      open.pop_back();
      put(at, open.empty() ? Data::kNone : open.back().entry);
    }
  };
  for (const auto& [prefix, entry] : prefixes) {
    close_until(prefix.first);
    open.push_back({After(prefix), entry});
    put(prefix.first, entry);
  }
  close_until(std::nullopt);
  return intervals;
}

std::string ColumnName(std::string_view given) {
  std::string name;
  for (char c : given) {
    const bool is_fine = language::IsLetter(c) || language::IsDigit(c) || c == '_' || c == '-' || c == '.';
    name += is_fine ? c : '_';
  }
  return name.empty() ? "_" : name;
}

}  // namespace

struct EnrichmentTable::Builder::State {
  std::deque<std::string> arena;
  std::map<std::string, uint32_t, std::less<>> columns;  // name: number
  std::vector<std::vector<std::pair<uint32_t, std::string_view>>> rows;
  std::map<std::vector<std::pair<uint32_t, std::string_view>>, uint32_t> known_rows;
  std::unordered_set<std::string_view> known_values;
  std::vector<PrefixEntry> prefixes;
  std::vector<TextEntry> texts;

  std::string_view Keep(std::string_view text) {
    const auto found = known_values.find(text);
    return found != known_values.end() ? *found : *known_values.insert(arena.emplace_back(text)).first;
  }
};

EnrichmentTable::Builder::Builder() : state_(std::make_unique<State>()) {}
EnrichmentTable::Builder::Builder(Builder&&) noexcept = default;
EnrichmentTable::Builder::~Builder() = default;

size_t EnrichmentTable::Builder::AddRow(const Values& values) {
  std::vector<std::pair<uint32_t, std::string_view>> row;
  for (const auto& [given, value] : values) {
    const auto column =
        state_->columns.try_emplace(ColumnName(given), static_cast<uint32_t>(state_->columns.size())).first;
    if (!value.empty()) row.emplace_back(column->second, state_->Keep(value));
  }
  const auto [known, is_new] = state_->known_rows.try_emplace(row, static_cast<uint32_t>(state_->rows.size()));
  if (is_new) state_->rows.push_back(std::move(row));
  return known->second;
}

void EnrichmentTable::Builder::AddPrefix(IpPrefix prefix, size_t row, std::optional<int64_t> since_seconds) {
  const int length = prefix.first().is_v4() ? prefix.length() + 96 : prefix.length();
  state_->prefixes.push_back(
      {prefix.first(), length, since_seconds.value_or(Data::kAlways), static_cast<uint32_t>(row)});
}

absl::Status EnrichmentTable::Builder::AddPrefix(std::string_view prefix, size_t row,
                                                 std::optional<int64_t> since_seconds) {
  if (const std::optional<IpAddress> address = IpAddress::Parse(prefix)) {
    AddPrefix(IpPrefix(*address, address->is_v4() ? 32 : 128), row, since_seconds);
    return absl::OkStatus();
  }
  std::optional<IpPrefix> corrected;
  if (const std::optional<IpPrefix> parsed = IpPrefix::Parse(prefix, &corrected)) {
    AddPrefix(*parsed, row, since_seconds);
    return absl::OkStatus();
  }
  std::string wrong = "'" + std::string(prefix.substr(0, 60)) + "' is no address and no prefix";
  if (corrected) wrong += ": it has bits behind its length; did you mean " + corrected->ToString() + "?";
  return absl::InvalidArgumentError(wrong);
}

void EnrichmentTable::Builder::AddText(std::string_view text, size_t row, std::optional<int64_t> since_seconds) {
  state_->texts.push_back({state_->Keep(text), since_seconds.value_or(Data::kAlways), static_cast<uint32_t>(row)});
}

EnrichmentTable EnrichmentTable::Builder::Build(std::vector<std::string> fields) {
  State& state = *state_;
  auto data = std::make_shared<Data>();
  data->fields = std::move(fields);
  std::vector<size_t> sorted(state.columns.size());  // by number: the place among the sorted names
  for (const auto& [name, number] : state.columns) {
    sorted[number] = data->columns.size();
    data->columns.push_back(name);
  }
  data->values.resize(state.rows.size() * data->columns.size());
  for (size_t r = 0; r < state.rows.size(); ++r) {
    for (const auto& [column, value] : state.rows[r]) data->values[r * data->columns.size() + sorted[column]] = value;
  }

  const bool by_address = data->is_by_address();
  auto has_time = [](const auto& entry) { return entry.since != Data::kAlways; };
  data->is_timed = by_address ? std::any_of(state.prefixes.begin(), state.prefixes.end(), has_time)
                              : std::any_of(state.texts.begin(), state.texts.end(), has_time);
  // Entries of one key, by time, become one: of two of the same time the later one counts.
  auto gather = [&](auto& entries, const auto& same_key, const auto& put) {
    for (size_t i = 0; i < entries.size();) {
      const size_t first = i;
      const uint32_t history = static_cast<uint32_t>(data->history_begins.size());
      if (data->is_timed) data->history_begins.push_back(static_cast<uint32_t>(data->versions.size()));
      for (; i < entries.size() && same_key(entries[first], entries[i]); ++i) {
        if (i + 1 < entries.size() && same_key(entries[first], entries[i + 1]) &&
            entries[i].since == entries[i + 1].since)
          continue;
        ++data->size;
        if (data->is_timed) data->versions.push_back({entries[i].since, entries[i].row});
      }
      put(entries[i - 1], data->is_timed ? history : entries[i - 1].row);
    }
  };
  if (by_address) {
    auto before = [](const PrefixEntry& a, const PrefixEntry& b) {
      return std::tuple(a.first, a.length, a.since) < std::tuple(b.first, b.length, b.since);
    };
    std::vector<PrefixEntry>& all = state.prefixes;  // of .mmdb in order, and many: sorting takes as much memory again
    if (!std::is_sorted(all.begin(), all.end(), before)) std::stable_sort(all.begin(), all.end(), before);
    std::vector<std::pair<PrefixEntry, uint32_t>> v4, v6;
    gather(
        state.prefixes,
        [](const PrefixEntry& a, const PrefixEntry& b) { return a.first == b.first && a.length == b.length; },
        [&](const PrefixEntry& prefix, uint32_t entry) {
          (prefix.first.is_v4() ? v4 : v6).emplace_back(prefix, entry);
        });
    data->FillV4(Flatten(v4));
    data->FillV6(Flatten(v6));
  } else {
    std::stable_sort(state.texts.begin(), state.texts.end(), [](const TextEntry& a, const TextEntry& b) {
      return std::tie(a.text, a.since) < std::tie(b.text, b.since);
    });
    gather(
        state.texts, [](const TextEntry& a, const TextEntry& b) { return a.text == b.text; },
        [&](const TextEntry& text, uint32_t entry) {
          GrowTable(data->texts, [&](auto& table) { return table.emplace(text.text, entry); });
        });
  }
  if (data->is_timed) data->history_begins.push_back(static_cast<uint32_t>(data->versions.size()));
  data->arena = std::move(state.arena);
  state_ = std::make_unique<State>();
  return EnrichmentTable(std::move(data));
}

const std::vector<std::string>& EnrichmentTable::columns() const { return data_->columns; }
const std::vector<std::string>& EnrichmentTable::fields() const { return data_->fields; }
size_t EnrichmentTable::size() const { return data_->size; }

std::string_view EnrichmentTable::Find(IpAddress address, std::string_view column,
                                       std::optional<int64_t> start_seconds) const {
  const std::optional<size_t> c = data_->ColumnOf(column);
  return c ? data_->Value(data_->Find(address), *c, start_seconds.value_or(kNullWord)) : std::string_view();
}
std::string_view EnrichmentTable::Find(std::string_view text, std::string_view column,
                                       std::optional<int64_t> start_seconds) const {
  const std::optional<size_t> c = data_->ColumnOf(column);
  return c ? data_->Value(data_->Find(text), *c, start_seconds.value_or(kNullWord)) : std::string_view();
}

void EnrichmentTable::Data::FillV4(const Intervals& intervals) {
  if (intervals.empty()) return;
  if (intervals[0].first != IpAddress::V4(0)) {
    v4_begins.push_back(0);
    v4_entries.push_back(kNone);
  }
  for (const auto& [begin, entry] : intervals) {
    v4_begins.push_back(begin.v4_bits());
    v4_entries.push_back(entry);
  }
  constexpr uint32_t kBlocks = 1 << 16;
  v4_first.resize(kBlocks + 1);
  size_t at = 0;
  for (uint32_t block = 0; block < kBlocks; ++block) {
    while (at + 1 < v4_begins.size() && v4_begins[at + 1] <= block << 16) ++at;
    v4_first[block] = static_cast<uint32_t>(at);
  }
  v4_first[kBlocks] = static_cast<uint32_t>(v4_begins.size() - 1);
}

void EnrichmentTable::Data::FillV6(const Intervals& intervals) {
  if (intervals.empty()) return;
  if (intervals[0].first != IpAddress()) {
    v6_begins.push_back(IpAddress());
    v6_entries.push_back(kNone);
  }
  for (const auto& [begin, entry] : intervals) {
    v6_begins.push_back(begin);
    v6_entries.push_back(entry);
  }
}

uint32_t EnrichmentTable::Data::FindV4(uint32_t bits) const {
  if (v4_begins.empty()) return kNone;
  const auto begin = v4_begins.begin();
  const auto after = std::upper_bound(begin + v4_first[bits >> 16], begin + v4_first[(bits >> 16) + 1] + 1, bits);
  return v4_entries[static_cast<size_t>(after - begin) - 1];
}

uint32_t EnrichmentTable::Data::FindV6(IpAddress address) const {
  if (v6_begins.empty()) return kNone;
  const auto after = std::upper_bound(v6_begins.begin(), v6_begins.end(), address);
  return v6_entries[static_cast<size_t>(after - v6_begins.begin()) - 1];
}

uint32_t EnrichmentTable::Data::RowAt(uint32_t entry, int64_t start) const {
  const uint32_t first = history_begins[entry];
  uint32_t at = history_begins[entry + 1] - 1;
  if (start != kNullWord) {
    while (at > first && versions[at].since > start) --at;
  }
  return versions[at].row;
}

std::optional<size_t> EnrichmentTable::Data::ColumnOf(std::string_view name) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const std::string& column) { return language::SameName(column, name); });
  if (found == columns.end()) return std::nullopt;
  return static_cast<size_t>(found - columns.begin());
}

RecentTexts::RecentTexts(const EnrichmentTable::Data& data) {
  const int bits = std::clamp(static_cast<int>(std::bit_width(data.texts.size())) + 1, 6, 12);
  shift_ = 64 - bits;
  recent_.resize(size_t{1} << bits);
}

uint32_t RecentTexts::Find(const EnrichmentTable::Data& data, std::string_view text) {
  uint64_t end = 0;  // ids differ in their last bytes
  if (text.size() >= sizeof(end)) {
    std::memcpy(&end, text.data() + text.size() - sizeof(end), sizeof(end));
  } else if (!text.empty()) {
    std::memcpy(&end, text.data(), text.size());
  }
  Recent& recent = recent_[(end * 0x9e3779b97f4a7c15) >> shift_];
  if (recent.text.data() != nullptr && recent.text == text) [[likely]]
    return recent.entry;
  const auto found = data.texts.find(text);
  if (found == data.texts.end()) return EnrichmentTable::Data::kNone;
  recent = {found->first, found->second};
  return recent.entry;
}

}  // namespace v1
}  // namespace flowlogs
