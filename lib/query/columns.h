// Columns of the language bound to a format: the values of a ColumnRef or KeyExpression for the rows of a batch.
#ifndef FLOWLOGS_LIB_QUERY_COLUMNS_H_
#define FLOWLOGS_LIB_QUERY_COLUMNS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flowlogs/query/table.h"
#include "flowlogs/schema/format.h"
#include "lib/parse/record_batch.h"
#include "lib/query/expression.h"
#include "lib/query/interner.h"

namespace flowlogs {
inline namespace v1 {

// A column of the language and where its fields stand in one format (-1: the format lacks it).
struct BoundColumn {
  ColumnRef::Kind kind;
  OperandType type;
  int places[3] = {-1, -1, -1};  // the field; or start, end (duration); or srcport, dstport, protocol (service)

  static BoundColumn Bind(const ColumnRef& column, const Format& format);
  // Whether the format has no field from which a value could come: then every value is null.
  bool lacking() const;
  // Appends the places of the fields that are read.
  void AppendPlaces(std::vector<int>* places) const;
  bool is_text() const { return type == OperandType::kText; }
};

// Makes the values of derived columns. One per worker; its vectors are valid until the next call for the same slot.
class ColumnReader {
 public:
  // Words of a column that is not text, by row: see RecordBatch. Null where the format lacks the column.
  const int64_t* Words(const BoundColumn& column, RecordBatch& batch, Rows rows);
  // Views of a text column, by row: data() == nullptr for null.
  const std::string_view* Texts(const BoundColumn& column, RecordBatch& batch, Rows rows);
  // See ServiceText(). Valid while the reader lives.
  std::string_view Service(int64_t port, int64_t protocol);

 private:
  std::deque<std::vector<int64_t>> words_;  // scratch, two in turn: a test or an aggregate needs one at a time
  std::deque<std::vector<std::string_view>> texts_;
  size_t next_words_ = 0;
  size_t next_texts_ = 0;
  std::unordered_map<int64_t, std::string> service_texts_;  // "tcp/5567", by protocol and port
};

// What kind of word a key makes: how it is compared and shown.
enum class WordKind : uint8_t {
  kInteger,  // the number
  kAddress,  // IPv4 bits, or kV6Tag | id in the interner
  kText,     // id in the interner
  kPrefix,   // an address word; shown and sorted as the text "10.0.0.0/16"
};

// A key of a group, or a selected column, bound to a format.
class BoundKey {
 public:
  static BoundKey Bind(const KeyExpression& key, const Format& format);

  void AppendPlaces(std::vector<int>* places) const { column_.AppendPlaces(places); }
  // words[i * stride] = the key of rows[i].
  void Words(RecordBatch& batch, Rows rows, ColumnReader* reader, Interner* interner, int64_t* words, size_t stride) const;
  // Appends the value for each of the rows.
  void AppendTo(RecordBatch& batch, Rows rows, ColumnReader* reader, Column* out) const;

 private:
  KeyExpression::Kind kind_ = KeyExpression::Kind::kColumn;
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
// nullptr-view for an address that is in none of the four scopes (CONTRACT L8).
std::string_view ScopeText(AddressScope scope);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_COLUMNS_H_
