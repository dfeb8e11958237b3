// The language of filters, keys and aggregates (CONTRACT L), parsed and checked: text -> tree.
//
// What can be known without looking at an input is settled here: syntax, words, types, units. Names that are no known
// field stay as they are (text columns) and are looked up when the first formats are read.
#ifndef FLOWLOGS_LIB_QUERY_EXPRESSION_H_
#define FLOWLOGS_LIB_QUERY_EXPRESSION_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "flowlogs/query/enrichment.h"
#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"

namespace re2 {
class RE2;
}

namespace flowlogs {
inline namespace v1 {

// What the values of a column are, for the checks of the language.
enum class OperandType : uint8_t {
  kInteger,   // int32 and int64 fields
  kTime,      // start, end
  kDuration,  // duration, in seconds
  kNumber,    // with a fraction: a mean; in `having` only
  kAddress,
  kText,  // text, tags, service, and names that are no known field
};

// A column as an expression names it: a field, a derived column, or a name to be looked up in the inputs' formats.
struct ColumnRef {
  enum class Kind : uint8_t {
    kField,  // `field` holds it
    kOther,  // no known field: `name` is a text column of some format
    // Derived columns (CONTRACT D1); lib/query/observations.h says how they are told.
    kDuration,      // end - start, seconds
    kDirection,     // text: ingress, egress
    kOwn,           // the interface's own address
    kPeer,          // the other one
    kClient,        // the address that began the conversation
    kServer,        // the other one
    kServerPort,    // integer
    kService,       // text: what runs on the server's port
    kOrientation,   // text: syn, syn-ack, port, unknown
    kConversation,  // a number for the five-tuple without its direction; connections() counts the distinct ones
    kEnriched,      // text: what a table says of another column, srcaddr.asn (CONTRACT L14)
    // Provenance (CONTRACT L13); lib/query/provenance.h says where it comes from. All that follow are of it.
    kSource,     // text: _source, the input
    kLine,       // integer: _line, from 1
    kLogGroup,   // text, and so on: null where nothing says it
    kLogStream,
    kEventTime,  // integer: milliseconds since 1970
    kEventId,
    kOwner,
    kAccount,
    kRegion,
    kFlowLogId,
  };
  // Whether a column tells where a record comes from, not what it says.
  static constexpr bool IsProvenance(Kind kind) { return kind >= Kind::kSource; }
  Kind kind = Kind::kField;
  Field field = Field::kVersion;
  std::string name;     // as in output: underscores ("pkt_srcaddr"); of kOther the name as the format writes it
  size_t position = 0;  // where it stands in the expression, in bytes, for errors
  // Of kEnriched: the other column is of the kind `base` (and `field`), `attribute` the name behind the dot. The table is set
  // by the plan; it lives as long as the scan. `name` is both, with the dot.
  Kind base = Kind::kField;
  std::string attribute = {};
  const EnrichmentTable* table = nullptr;

  // The column whose values are read: itself, or what is looked for in a table.
  ColumnRef Read() const;
  OperandType type() const;
  friend bool operator==(const ColumnRef& a, const ColumnRef& b) {
    return a.kind == b.kind && a.field == b.field && a.name == b.name;
  }
};

// A set of integers: sorted, disjoint, closed intervals.
using IntSet = std::vector<std::pair<int64_t, int64_t>>;

// A set of addresses: sorted, disjoint, closed intervals, IPv4 and IPv6 apart.
struct AddressSet {
  std::vector<std::pair<uint32_t, uint32_t>> v4;
  std::vector<std::pair<IpAddress, IpAddress>> v6;
  bool Contains(IpAddress address) const;
};

// One comparison. It holds for a record if (some present value of `columns` is in the set) != negated; it is unknown,
// and the record is not selected, if no value is present (CONTRACT L2, L3).
struct Test {
  enum class Kind : uint8_t {
    kInts,       // value in `ints`: = < <= > >= in between, all on integers, times and durations
    kNumbers,    // value in `numbers`: the same on means; in `having` only
    kHasFlags,   // (value & flags) == flags
    kAddresses,  // value in `addresses`
    kTexts,      // value is one of `texts` (sorted): =, in
    kTextRange,  // lower <= value <= upper bytewise; see lower_open, upper_open, and nullopt for no bound
    kLike,       // whole value matches texts[0] (% and _), case-sensitive, bytewise
    kRegex,      // found anywhere: `regex`
    kIsNull,     // no value is present (negated: some value is). Never unknown.
  };
  Kind kind = Kind::kInts;
  bool negated = false;
  std::vector<ColumnRef> columns;  // one; or the fields behind addr, src, dst, port
  size_t begin = 0, name_end = 0, end = 0;  // where it stands in the text: its name, and what follows
  bool is_synonym = false;         // columns are those of addr, src, dst, port: a format may lack some of them
  IntSet ints;
  std::vector<std::pair<double, double>> numbers;  // sorted closed intervals
  int64_t flags = 0;
  AddressSet addresses;
  bool internal = false;  // kAddresses: the set also holds the addresses that are an interface's own (CONTRACT L4)
  std::vector<std::string> texts;
  std::optional<std::string> lower, upper;  // kTextRange
  bool lower_open = false, upper_open = false;
  std::shared_ptr<const re2::RE2> regex;
};

// A filter in negation normal form: `not` has been pushed into the tests, so each node is simply true or not
// (CONTRACT L2; DESIGN 2.4). `kAnd` without children is true.
struct Expression {
  enum class Kind : uint8_t { kAnd, kOr, kTest };
  Kind kind = Kind::kAnd;
  std::vector<Expression> children;  // kAnd, kOr
  Test test;                         // kTest
};

// What the language needs to know of the world.
struct LanguageContext {
  int64_t now_seconds = 0;  // for times such as -1h
  // What `in @name` means: values as their text, of any type that the compared column can take; prefixes and scope
  // words too.
  const std::map<std::string, std::vector<std::string>>* sets = nullptr;
  // What `internal` means; nullopt: the addresses that the run sees as an interface's own.
  std::optional<AddressSet> internal;
};

// A key of a group, or a selected column.
struct KeyExpression {
  enum class Kind : uint8_t { kColumn, kBin, kPrefix, kService, kScope };
  Kind kind = Kind::kColumn;
  ColumnRef column;
  int64_t bin_seconds = 0;             // kBin: bin(start, 5m)
  int prefix_v4 = 32, prefix_v6 = 64;  // kPrefix: prefix(a, n4, n6=64)
  std::string name;                    // of the column in the answer
};

// An aggregate. Of those with a column only present values count.
struct AggregateExpression {
  enum class Kind : uint8_t {
    kCount,
    kCountPresent,
    kSum,
    kMin,
    kMax,
    kMean,
    kDistinct,        // of Kind::kConversation: connections()
    kApproxDistinct,  // HyperLogLog of lib/query/sketch.h
    kQuantile,        // buckets of lib/query/sketch.h
    kFirst,           // of the record with the least (start, end, value); of equal starts, those without end come last
    kLast,            // of the record with the greatest; of equal starts, those without end come first
  };
  Kind kind = Kind::kCount;
  ColumnRef column;       // all but kCount
  uint64_t quantile = 0;  // kQuantile: in units of 10^-18, at most kWholeQuantile
  std::string name;       // of the column in the answer
  std::string text;       // as written, for errors: "sum(bytes)"
};
inline constexpr uint64_t kWholeQuantile = 1'000'000'000'000'000'000;

// A column of a grouped answer, as `having` names it.
struct OutputColumn {
  std::string name;
  OperandType type;
  ColumnRef column;       // whose words and units it has: that of a key, of min, max, first, last, ...
  bool is_scope = false;  // scope(a): its words are internal, private, public, multicast
};
// The columns of keys and aggregates, in their order.
std::vector<OutputColumn> OutputColumns(const std::vector<KeyExpression>& keys,
                                        const std::vector<AggregateExpression>& aggregates);

// All of these fail with INVALID_ARGUMENT; the message shows the expression with a caret under the place and, where
// there is one, a suggestion. ExpressionColumn() of flowlogs/query/query.h gives the place.
//
// A filter has at most 1 MiB, 200 levels of parentheses and 256 regular expressions.
absl::StatusOr<Expression> ParseFilter(std::string_view text, const LanguageContext& context);
// "srcaddr", "bin(start, 5m)", "t=bin(start, 5m)"; `name` overrides when not empty.
absl::StatusOr<KeyExpression> ParseKey(std::string_view text, std::string_view name = "");
absl::StatusOr<AggregateExpression> ParseAggregate(std::string_view text, std::string_view name = "");
// The filter of groups (CONTRACT L10): a filter whose names are those of `outputs`. The columns of its tests are kOther
// with the output's name; lib/query/having.h evaluates it. With `complete` false more outputs may come: an unknown name
// is not an error then, and of what stands beside it the syntax alone is checked.
absl::StatusOr<Expression> ParseHaving(std::string_view text, const std::vector<OutputColumn>& outputs,
                                       const LanguageContext& context, bool complete = true);
// Splits "flows=count(),prefix(srcaddr, 16)" at the commas outside of parentheses and quotes, without blanks around the
// items. An empty item stays ("a,,b" has three); an empty list has none.
std::vector<std::string> SplitList(std::string_view text);

// An INVALID_ARGUMENT with the caret under text[position] and ExpressionColumn() == position + 1. `position` is in
// bytes (at most text.size(): the end); the caret counts UTF-8 characters. The message is three lines of valid UTF-8:
// `what`, the line of `text` that holds the place (of a long one, the part around it), the caret.
absl::Status ExpressionError(std::string_view text, size_t position, std::string_view what);

// The nearest of `candidates` to `word` (case-insensitive, hyphen equals underscore), or "" if none is near. Of equally
// near ones the first.
std::string Suggest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_EXPRESSION_H_
