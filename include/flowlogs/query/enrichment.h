// Tables that say more of addresses and ids than the records do: who announces a prefix, what an interface is called.
//
//   fl::EnrichmentTable::Builder builder;
//   absl::Status status = builder.AddPrefix("192.0.2.0/24", {{"asn", "64496"}, {"as_name", "Example"}});
//   absl::StatusOr<fl::EnrichmentTable> geo = fl::EnrichmentTable::ReadMmdb("GeoLite2-Country.mmdb");
//   fl::Query logs = fl::Scan({"logs/*.log.gz"}, {.enrich = {builder.Build(), *geo}});
//   logs.Filter("dstaddr.asn = 64496").GroupBy({"srcaddr.country"});
//
// Each column is named behind an address or an id: srcaddr.asn, peer.country, interface-id.name. It is text; null where
// the table has nothing (CONTRACT L14).
#ifndef FLOWLOGS_QUERY_ENRICHMENT_H_
#define FLOWLOGS_QUERY_ENRICHMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "flowlogs/schema/address.h"

namespace flowlogs {
inline namespace v1 {

// A table, by prefixes or by the text of some fields. An immutable handle, cheap to copy; const use from any thread.
//
// Of several prefixes that hold an address the longest counts. An entry may say since when it holds: of several for the
// same prefix or text that counts which is the last not after the record's start; before all of them the first; for a
// record without a start the last.
class EnrichmentTable {
 public:
  // A column's name and its value; an empty value is none.
  using Values = std::vector<std::pair<std::string, std::string>>;
  class Builder;
  struct Data;  // defined by the library

  // The networks of a MaxMind DB file, version 2. Of MaxMind's and DB-IP's shapes the columns are asn, as_name;
  // continent, country, subdivision, city, postal, latitude, longitude, time_zone; of any other, values are called by
  // their last key. A `name` stands before the columns, with a dot. Reads the whole file into memory: libmaxminddb maps
  // it meanwhile (one that becomes shorter then is SIGBUS), and nothing of it is mapped afterwards. UNIMPLEMENTED where
  // flowlogs was built without libmaxminddb.
  static absl::StatusOr<EnrichmentTable> ReadMmdb(const std::string& path, const std::string& name = "");

  // The names of its columns, sorted.
  const std::vector<std::string>& columns() const;
  // The fields whose text it is by; empty: it is by addresses.
  const std::vector<std::string>& fields() const;
  bool is_by_address() const { return fields().empty(); }
  // Prefixes, or texts; each with each time from which an entry of it holds.
  size_t size() const;

  // The value of a column for a record that starts at `start_seconds`; a view with data() == nullptr if there is none.
  // Valid while a copy of the table lives.
  std::string_view Find(IpAddress address, std::string_view column, std::optional<int64_t> start_seconds = {}) const;
  std::string_view Find(std::string_view text, std::string_view column,
                        std::optional<int64_t> start_seconds = {}) const;

 private:
  friend struct EnrichmentAccess;  // lib/query only
  explicit EnrichmentTable(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

// Gathers the entries of a table, in any order. Of two for the same prefix or text and the same time the later one
// counts.
class EnrichmentTable::Builder {
 public:
  Builder();
  Builder(Builder&&) noexcept;
  ~Builder();

  // Entries that share their values can share a row of them. A column's name is made of letters, digits, "_", "-", ".",
  // as the language has it: other characters become "_".
  size_t AddRow(const Values& values);
  // An address, or a prefix without host bits. INVALID_ARGUMENT says what is wrong with it.
  absl::Status AddPrefix(std::string_view prefix, size_t row, std::optional<int64_t> since_seconds = {});
  void AddPrefix(IpPrefix prefix, size_t row, std::optional<int64_t> since_seconds = {});
  absl::Status AddPrefix(std::string_view prefix, const Values& values, std::optional<int64_t> since_seconds = {}) {
    return AddPrefix(prefix, AddRow(values), since_seconds);
  }
  void AddText(std::string_view text, size_t row, std::optional<int64_t> since_seconds = {});

  // `fields`: those whose values the texts are; empty: a table of prefixes. What was added of the other kind is left
  // out. The builder is empty afterwards.
  EnrichmentTable Build(std::vector<std::string> fields = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_QUERY_ENRICHMENT_H_
