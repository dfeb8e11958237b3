// Columns of the language bound to a format: the values of a ColumnRef or KeyExpression for the rows of a batch.
#ifndef FLOWLOGS_LIB_QUERY_COLUMNS_H_
#define FLOWLOGS_LIB_QUERY_COLUMNS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "flowlogs/io/input.h"
#include "flowlogs/query/table.h"
#include "flowlogs/schema/format.h"
#include "lib/parse/record_batch.h"
#include "lib/query/expression.h"
#include "lib/query/interner.h"
#include "lib/query/observations.h"
#include "lib/query/provenance.h"

namespace flowlogs {
inline namespace v1 {

class RecentAddresses;
class RecentTexts;

// The fields without which a column has no value: itself, or those that it is derived from. Empty for kOther and provenance.
std::vector<Field> NeededFields(const ColumnRef& column);

// Where the fields of an ObservedRecord stand in a format (-1: the format lacks it).
struct ObservedPlaces {
  int interface_id, flow_direction, source, destination, srcport, dstport, protocol, tcp_flags;
  bool is_transit_gateway;
  static ObservedPlaces Bind(const Format& format);
  // Appends those that the format has.
  void AppendPlaces(std::vector<int>* out) const;
};

// The values of an ObservedRecord by columns: an array of each, by row; nullptr for what the format lacks.
struct ObservedColumns {
  const std::string_view* interface_id;
  const std::string_view* flow_direction;
  const int64_t* source;  // words of addresses
  const int64_t* destination;
  const int64_t* srcport;
  const int64_t* dstport;
  const int64_t* protocol;
  const int64_t* tcp_flags;
  bool is_transit_gateway;
  // Valid while the batch keeps these rows.
  static ObservedColumns Of(const ObservedPlaces& places, RecordBatch& batch, Rows rows);
  ObservedRecord At(const RecordBatch& batch, uint32_t row) const {
    auto word = [row](const int64_t* words) { return words == nullptr ? kNullWord : words[row]; };
    auto text = [row](const std::string_view* texts) { return texts == nullptr ? std::string_view() : texts[row]; };
    auto address = [&](const int64_t* words) -> std::optional<IpAddress> {
      const int64_t bits = word(words);
      if (bits == kNullWord) return std::nullopt;
      return batch.Address(bits);
    };
    return {text(interface_id), text(flow_direction), is_transit_gateway, address(source), address(destination),
            word(srcport),      word(dstport),        word(protocol),     word(tcp_flags)};
  }
};

// A column of the language and where it stands in one format.
struct BoundColumn {
  ColumnRef::Kind kind;
  OperandType type;
  bool lacking = false;       // the format cannot give a value: then every value is null
  std::array<int, 2> places;  // the field; or start and end; -1 for none. Of an enriched column: the field, start
  ObservedPlaces observed;    // of columns that are told from the whole record
  // Of an enriched column: where its values come from, and what column is looked for there. `kind` is kEnriched.
  const EnrichmentTable* table = nullptr;
  size_t table_column = 0;
  ColumnRef::Kind base = ColumnRef::Kind::kField;
  OperandType base_type = OperandType::kText;

  static BoundColumn Bind(const ColumnRef& column, const Format& format);
  bool is_text() const { return type == OperandType::kText; }
  // Whether the column is told by Observations::Orient().
  bool is_oriented() const;
  // Appends the places of the fields that are read.
  void AppendPlaces(std::vector<int>* places) const;

 private:
  static BoundColumn BindEnriched(const ColumnRef& column, const Format& format);
};

// What columns depend on besides the record: the same for all records of a run, or of a block.
struct ColumnContext {
  const Observations* observations = nullptr;  // nullptr: nothing was observed
  const AddressSet* internal = nullptr;        // what `internal` means; nullptr: the observed own addresses
  const std::string* source = nullptr;
  const BlockEvents* events = nullptr;  // what envelopes said of the block's lines; nullptr: nothing
  uint64_t lines_before = 0;
  uint32_t input = 0;
};

// Makes the values of derived columns. One per worker. Its vectors are valid until the fourth next call.
class ColumnReader {
 public:
  void SetContext(const ColumnContext& context) { context_ = context; }
  const ColumnContext& context() const { return context_; }

  // Words of a column that is not text, by row: see RecordBatch. Null where the format lacks the column.
  const int64_t* Words(const BoundColumn& column, RecordBatch& batch, Rows rows);
  // Views of a text column, by row: data() == nullptr for null.
  const std::string_view* Texts(const BoundColumn& column, RecordBatch& batch, Rows rows);

  // The values that observations look at, by row.
  const std::vector<ObservedRecord>& Observed(const ObservedPlaces& places, RecordBatch& batch, Rows rows);
  // What follows from them, by row.
  const std::vector<Orientation>& Oriented(const ObservedPlaces& places, RecordBatch& batch, Rows rows);

  // See ServiceText(). Valid while the reader lives.
  std::string_view Service(int64_t port, int64_t protocol);
  bool IsInternal(IpAddress address) const;
  // internal, private, public, multicast; a view with data() == nullptr for an address of none (CONTRACT L8).
  std::string_view Scope(IpAddress address) const;

 private:
  // Which rows a cache holds.
  struct Filled {
    uint64_t generation = 0;
    uint32_t selection = 0;
    bool Is(const RecordBatch& batch, Rows rows) const {
      return generation == batch.generation() && (selection == 0 || selection == rows.id);
    }
  };
  // What a table says of a column. REQUIRES: the format has it.
  const std::string_view* Enriched(const BoundColumn& column, RecordBatch& batch, Rows rows);
  // Columns of where a record comes from, but the source and the line.
  std::string_view Origin(ColumnRef::Kind kind, const RecordBatch& batch, uint32_t row);
  int64_t EventTime(const RecordBatch& batch, uint32_t row) const;
  const BlockEvents::Event* EventOf(const RecordBatch& batch, uint32_t row) const;
  // What the source's name says; read when it is asked for first.
  const NameFacts& Name();
  std::vector<int64_t>& NextWords(uint32_t rows);
  std::vector<std::string_view>& NextTexts(uint32_t rows);

  ColumnContext context_;
  std::array<std::vector<int64_t>, 4> words_;
  std::array<std::vector<std::string_view>, 4> texts_;
  size_t next_words_ = 0;
  size_t next_texts_ = 0;
  Filled observed_filled_, oriented_filled_;
  std::vector<ObservedRecord> observed_;
  std::vector<Orientation> oriented_;
  NameFacts name_;
  std::optional<uint32_t> named_input_;  // whose name that is
  // What was looked up last in each table.
  std::vector<std::pair<const EnrichmentTable*, std::shared_ptr<RecentAddresses>>> recent_addresses_;
  std::vector<std::pair<const EnrichmentTable*, std::shared_ptr<RecentTexts>>> recent_texts_;
  std::unordered_map<int64_t, std::string> service_texts_;  // "tcp/5567", by protocol and port
};

// What a key is: how it is compared and shown.
enum class WordKind : uint8_t {
  kInteger,  // the number
  kAddress,  // a code of the interner
  kText,     // a code of the interner
  kPrefix,   // the code of an address; shown and sorted as the text "10.0.0.0/16"
};

// A key of a group, or a selected column, bound to a format.
class BoundKey {
 public:
  static BoundKey Bind(const KeyExpression& key, const Format& format);

  void AppendPlaces(std::vector<int>* places) const { column_.AppendPlaces(places); }
  // Only what Write() looks for in the index.
  void AppendWritePlaces(std::vector<int>* places) const {
    if (!is_before_last_) column_.AppendPlaces(places);
  }
  // Whether a key is a code of 32 bits: the number itself or what the interner makes of it. Else it is a word of 64.
  static bool IsNarrow(const KeyExpression& key);
  // The key of rows[i] at out + i * stride: a uint32_t (kNullCode for null) or an int64_t (kNullWord), as IsNarrow() says.
  void Write(RecordBatch& batch, Rows rows, ColumnReader* reader, Interner* interner, char* out, size_t stride) const;
  // Appends the value for each of the rows.
  void AppendTo(RecordBatch& batch, Rows rows, ColumnReader* reader, Column* out) const;

 private:
  void WriteBeforeLast(RecordBatch& batch, Rows rows, Interner* interner, char* out, size_t stride) const;
  template <typename T>
  void WriteAs(RecordBatch& batch, Rows rows, ColumnReader* reader, Interner* interner, char* out, size_t stride) const;

  KeyExpression::Kind kind_ = KeyExpression::Kind::kColumn;
  bool is_narrow_ = false;
  bool is_before_last_ = false;  // the column: see RecordBatch::IsBeforeLast()
  BoundColumn column_;
  BoundColumn protocol_;  // of service(port)
  int64_t bin_seconds_ = 0;
  int prefix_v4_ = 32;
  int prefix_v6_ = 64;
};

WordKind WordKindOf(const KeyExpression& key);
// An empty column for the values of the key.
Column MakeColumn(const KeyExpression& key);

// "443" and 6 -> "https"; 5567 and 6 -> "tcp/5567"; protocols without ports by their name.
std::string ServiceText(int64_t port, int64_t protocol);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_COLUMNS_H_
