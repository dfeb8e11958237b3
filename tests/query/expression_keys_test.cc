// Keys, aggregates and lists of them (CONTRACT L8, L9).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/query/expression.h"
#include "tests/query/expression_dump.h"

namespace flowlogs {
namespace {

using namespace testing_language;  // NOLINT(google-build-using-namespace)
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- Keys and aggregates --------------------------------------------------------------------------------------------

absl::StatusOr<KeyExpression> Key(std::string_view text, std::string_view name = "") {
  return ParseKey(ExactText(text).view(), name);
}
absl::StatusOr<AggregateExpression> Aggregate(std::string_view text, std::string_view name = "") {
  return ParseAggregate(ExactText(text).view(), name);
}

// "name: what", or the error.
std::string DumpKey(std::string_view text, std::string_view name = "") {
  const absl::StatusOr<KeyExpression> key = Key(text, name);
  if (!key.ok()) return "error: " + ErrorOf(key.status());
  std::string out = key->name + ": ";
  switch (key->kind) {
    case KeyExpression::Kind::kColumn:
      return out + key->column.name;
    case KeyExpression::Kind::kBin:
      return out + "bin " + key->column.name + " " + std::to_string(key->bin_seconds);
    case KeyExpression::Kind::kPrefix:
      return out + "prefix " + key->column.name + " " + std::to_string(key->prefix_v4) + " " +
             std::to_string(key->prefix_v6);
    case KeyExpression::Kind::kService:
      return out + "service " + key->column.name;
    case KeyExpression::Kind::kScope:
      return out + "scope " + key->column.name;
  }
  return out;
}

std::string DumpAggregate(std::string_view text, std::string_view name = "") {
  const absl::StatusOr<AggregateExpression> a = Aggregate(text, name);
  if (!a.ok()) return "error: " + ErrorOf(a.status());
  constexpr const char* kNames[] = {"count",    "present",         "sum",      "min",   "max", "mean",
                                    "distinct", "approx_distinct", "quantile", "first", "last"};
  std::string out = a->name + ": " + kNames[static_cast<int>(a->kind)];
  if (a->kind != AggregateExpression::Kind::kCount) out += " " + a->column.name;
  if (a->kind == AggregateExpression::Kind::kQuantile) out += " " + std::to_string(a->quantile);
  return out + " <" + a->text + ">";
}

// CONTRACT L8
TEST(KeyTest, IsAColumn) {
  EXPECT_EQ(DumpKey("srcaddr"), "srcaddr: srcaddr");
  EXPECT_EQ(DumpKey(" pkt-srcaddr "), "pkt_srcaddr: pkt_srcaddr");
  EXPECT_EQ(DumpKey("pkt_srcaddr"), "pkt_srcaddr: pkt_srcaddr");
  EXPECT_EQ(DumpKey("duration"), "duration: duration");
  EXPECT_EQ(DumpKey("service"), "service: service");
  EXPECT_EQ(DumpKey("dport"), "dport: dstport");  // named by its text
  EXPECT_EQ(DumpKey("my-column.x"), "my_column_x: my-column.x");
  EXPECT_EQ(Key("my-column.x")->column.kind, ColumnRef::Kind::kOther);
  EXPECT_EQ(DumpKey("server-port"), "server_port: server_port");
  EXPECT_EQ(DumpKey("direction"), "direction: direction");
  EXPECT_EQ(DumpKey("_line"), "_line: _line");
  EXPECT_EQ(DumpKey("prefix(peer, 24)"), "prefix_peer_24: prefix peer 24 64");
  EXPECT_EQ(DumpKey("scope(client)"), "scope_client: scope client");
  EXPECT_EQ(DumpKey("bin"), "bin: bin");  // some format's column
}

// CONTRACT L8
TEST(KeyTest, IsABinAPrefixAServiceOrAScope) {
  EXPECT_EQ(DumpKey("bin(start, 5m)"), "bin_start_5m: bin start 300");
  EXPECT_EQ(DumpKey("bin( end,1h )"), "bin_end_1h: bin end 3600");
  EXPECT_EQ(DumpKey("bin(start, 60)"), "bin_start_60: bin start 60");
  EXPECT_EQ(DumpKey("bin(start, 1.5m)"), "bin_start_1_5m: bin start 90");
  EXPECT_EQ(DumpKey("prefix(srcaddr, 16)"), "prefix_srcaddr_16: prefix srcaddr 16 64");
  EXPECT_EQ(DumpKey("prefix(srcaddr, 16, n6=48)"), "prefix_srcaddr_16_n6_48: prefix srcaddr 16 48");
  EXPECT_EQ(DumpKey("prefix(srcaddr, 16, 48)"), "prefix_srcaddr_16_48: prefix srcaddr 16 48");
  EXPECT_EQ(DumpKey("prefix(pkt-dstaddr, n4=0, n6 = 0)"), "prefix_pkt_dstaddr_n4_0_n6_0: prefix pkt_dstaddr 0 0");
  EXPECT_EQ(DumpKey("prefix(srcaddr, 32, 128)"), "prefix_srcaddr_32_128: prefix srcaddr 32 128");
  EXPECT_EQ(DumpKey("service(dstport)"), "service_dstport: service dstport");
  EXPECT_EQ(DumpKey("service(sport)"), "service_sport: service srcport");
  EXPECT_EQ(DumpKey("Scope(srcaddr)"), "Scope_srcaddr: scope srcaddr");
}

// CONTRACT L8
TEST(KeyTest, CanBeNamed) {
  EXPECT_EQ(DumpKey("t=bin(start, 5m)"), "t: bin start 300");
  EXPECT_EQ(DumpKey(" t_1 = srcaddr "), "t_1: srcaddr");
  EXPECT_EQ(DumpKey("srcaddr", "who"), "who: srcaddr");
  EXPECT_EQ(DumpKey("t=srcaddr", "who"), "who: srcaddr");
  EXPECT_THAT(DumpKey("a-b=srcaddr"), HasSubstr("a name has letters, digits and underscores"));
  EXPECT_EQ(ExpressionColumn(Key("a-b=srcaddr").status()), 2u);
  EXPECT_THAT(DumpKey("1=srcaddr"), HasSubstr("a name has letters"));
  EXPECT_THAT(DumpKey("'t'=srcaddr"), HasSubstr("a name has letters"));
  EXPECT_THAT(DumpKey("srcaddr", "a b"), HasSubstr("a name has letters"));
  EXPECT_THAT(DumpKey("srcaddr", "1a"), HasSubstr("begins with no digit"));
  EXPECT_THAT(DumpKey("t="), HasSubstr("a key is a field or"));
}

TEST(KeyTest, WhatIsNoKeyIsAnErrorAtItsPlace) {
  struct Case {
    std::string_view text;
    size_t column;
    std::string_view error;
  };
  for (const Case& c : std::vector<Case>{
           {"", 1, "a key is a field or"},
           {"  ", 1, "a key is a field or"},
           {"addr", 1, "'addr' is for filters only: choose srcaddr, dstaddr, pkt-srcaddr or pkt-dstaddr"},
           {"src", 1, "choose srcaddr or pkt-srcaddr"},
           {"scope(dst)", 7, "choose dstaddr or pkt-dstaddr"},
           {"service(port)", 9, "choose srcport or dstport"},
           {"srcaddr, dstaddr", 8, "expected the end"},
           {"srcaddr dstaddr", 9, "expected the end"},
           {"443", 1, "expected a field"},
           {"'srcaddr'", 1, "expected a field"},
           {"not", 1, "expected a field"},
           {"bin(start, 5m", 14, "expected ')'"},
           {"bin(start)", 10, "expected ',' and a duration"},
           {"bin(start, )", 12, "expected a duration"},
           {"bin(start, 0s)", 12, "at least one second"},
           {"bin(start, 0.5s)", 12, "no whole number"},
           {"bin(start, -5m)", 12, "expected a duration"},
           {"bin(start, 5k)", 13, "the unit 'k' cannot stand beside a duration"},
           {"bin(start, '5m')", 12, "expected a duration"},
           {"bin(bytes, 5m)", 5, "bin() is of start or end"},
           {"bin(duration, 5m)", 5, "bin() is of start or end"},
           {"prefix(srcaddr)", 15, "expected ',' and the length"},
           {"prefix(srcaddr, 33)", 17, "n4, a prefix length, is 0 to 32"},
           {"prefix(srcaddr, 16, 129)", 21, "n6, a prefix length, is 0 to 128"},
           {"prefix(srcaddr, 16, n7=48)", 21, "expected a number"},
           {"prefix(srcaddr, 1k)", 17, "a plain number"},
           {"prefix(srcaddr, -1)", 17, "expected a number"},
           {"prefix(dstport, 16)", 8, "prefix() is of an address field"},
           {"prefix(host, 16)", 8, "prefix() is of an address field"},
           {"service(bytes)", 9, "service() is of srcport or dstport"},
           {"scope(dstport)", 7, "scope() is of an address field"},
           {"sum(bytes)", 1, "'sum()' is an aggregate, not a key"},
           {"quantile(bytes, 0.5)", 1, "'quantile()' is an aggregate, not a key"},
           {"connections()", 1, "'connections()' is an aggregate, not a key"},
           {"prefx(srcaddr, 8)", 1, "did you mean prefix()?"},
           {"lower(action)", 1, "there are bin, prefix, service, scope"},
           {"bin(start, 5m))", 15, "expected the end"},
       }) {
    EXPECT_THAT(DumpKey(c.text), HasSubstr(c.error)) << c.text;
    EXPECT_EQ(ExpressionColumn(Key(c.text).status()), c.column) << c.text;
  }
}

// CONTRACT L9
TEST(AggregateTest, CountsSumsAndCompares) {
  EXPECT_EQ(DumpAggregate("count()"), "count: count <count()>");
  EXPECT_EQ(DumpAggregate("count(dstport)"), "count_dstport: present dstport <count(dstport)>");
  EXPECT_EQ(DumpAggregate("sum(bytes)"), "sum_bytes: sum bytes <sum(bytes)>");
  EXPECT_EQ(DumpAggregate("sum(packets-lost-blackhole)"),
            "sum_packets_lost_blackhole: sum packets_lost_blackhole <sum(packets-lost-blackhole)>");
  EXPECT_EQ(DumpAggregate("mean(duration)"), "mean_duration: mean duration <mean(duration)>");
  EXPECT_EQ(DumpAggregate("min(start)"), "min_start: min start <min(start)>");
  EXPECT_EQ(DumpAggregate("max(srcaddr)"), "max_srcaddr: max srcaddr <max(srcaddr)>");
  EXPECT_EQ(DumpAggregate("distinct( dstport )"), "distinct_dstport: distinct dstport <distinct( dstport )>");
  EXPECT_EQ(DumpAggregate("min(host)"), "min_host: min host <min(host)>");
  EXPECT_EQ(DumpAggregate("distinct(service)"), "distinct_service: distinct service <distinct(service)>");
  EXPECT_EQ(DumpAggregate("COUNT()"), "COUNT: count <COUNT()>");
}

// CONTRACT L9, D1
TEST(AggregateTest, CountsConnectionsAndSketchesAndPicks) {
  EXPECT_EQ(DumpAggregate("connections()"), "connections: distinct connections <connections()>");
  EXPECT_EQ(Aggregate("connections()")->column.kind, ColumnRef::Kind::kConversation);
  EXPECT_EQ(DumpAggregate("c=connections( )"), "c: distinct connections <connections( )>");
  EXPECT_EQ(DumpAggregate("approx_distinct(srcaddr)"),
            "approx_distinct_srcaddr: approx_distinct srcaddr <approx_distinct(srcaddr)>");
  EXPECT_EQ(DumpAggregate("quantile(bytes, 0.95)"),
            "quantile_bytes_0_95: quantile bytes 950000000000000000 <quantile(bytes, 0.95)>");
  EXPECT_EQ(DumpAggregate("quantile(bytes,0)"), "quantile_bytes_0: quantile bytes 0 <quantile(bytes,0)>");
  EXPECT_EQ(Aggregate("quantile(start, 1)")->quantile, kWholeQuantile);
  EXPECT_EQ(Aggregate("quantile(duration, 1.0)")->quantile, kWholeQuantile);
  EXPECT_EQ(Aggregate("quantile(server_port, 0.123456789012345678)")->quantile, 123456789012345678u);
  EXPECT_EQ(DumpAggregate("first(action)"), "first_action: first action <first(action)>");
  EXPECT_EQ(DumpAggregate("last(service)"), "last_service: last service <last(service)>");
  EXPECT_EQ(DumpAggregate("distinct(peer)"), "distinct_peer: distinct peer <distinct(peer)>");
}

// CONTRACT L8
TEST(AggregateTest, CanBeNamed) {
  EXPECT_EQ(DumpAggregate("flows=count()"), "flows: count <count()>");
  EXPECT_EQ(DumpAggregate(" b = sum(bytes) "), "b: sum bytes <sum(bytes)>");
  EXPECT_EQ(DumpAggregate("sum(bytes)", "b"), "b: sum bytes <sum(bytes)>");
  EXPECT_EQ(DumpAggregate("a=sum(bytes)", "b"), "b: sum bytes <sum(bytes)>");
  EXPECT_THAT(DumpAggregate("sum(bytes)", "b-c"), HasSubstr("a name has letters"));
}

TEST(AggregateTest, WhatIsNoAggregateIsAnErrorAtItsPlace) {
  struct Case {
    std::string_view text;
    size_t column;
    std::string_view error;
  };
  for (const Case& c : std::vector<Case>{
           {"", 1, "an aggregate is count()"},
           {"bytes", 1, "expected an aggregate such as sum(bytes)"},
           {"count", 1, "an aggregate has parentheses: count()"},
           {"sum", 1, "an aggregate has parentheses: sum(bytes)"},
           {"sum()", 5, "expected a field"},
           {"sum(bytes", 10, "expected ')'"},
           {"sum(bytes, packets)", 10, "expected ')'"},
           {"sum(bytes) x", 12, "expected the end"},
           {"count(*)", 7, "all rows are counted by count()"},
           {"sum(start)", 5, "sum() is of integer fields and duration, and start is a time"},
           {"mean(srcaddr)", 6, "srcaddr is an address"},
           {"sum(action)", 5, "action is text"},
           {"sum(byts)", 5, "did you mean 'bytes'?"},
           {"distinct(addr)", 10, "choose srcaddr, dstaddr"},
           {"connections", 1, "an aggregate has parentheses: connections()"},
           {"connections(srcaddr)", 13, "connections() has no field"},
           {"approx_distinct()", 17, "expected a field"},
           {"quantile", 1, "an aggregate has parentheses: quantile(bytes, 0.95)"},
           {"quantile()", 10, "expected a field"},
           {"quantile(bytes)", 15, "expected ',' and a part such as 0.95"},
           {"quantile(bytes, )", 17, "expected a part from 0 to 1"},
           {"quantile(bytes, 95)", 17, "a quantile is a part from 0 to 1"},
           {"quantile(bytes, 1.000001)", 17, "a quantile is a part from 0 to 1"},
           {"quantile(bytes, 99999999999999999999999)", 17, "a quantile is a part from 0 to 1"},
           {"quantile(bytes, 0.1234567890123456789)", 17, "has too many digits"},
           {"quantile(bytes, -0.5)", 17, "expected a part from 0 to 1"},
           {"quantile(bytes, 50m)", 17, "expected a part from 0 to 1"},
           {"quantile(bytes, '0.5')", 17, "expected a part from 0 to 1"},
           {"quantile(bytes, 0.5, 1)", 20, "expected ')'"},
           {"quantile(srcaddr, 0.5)", 10,
            "quantile() is of integer fields, times and duration, and srcaddr is an address"},
           {"quantile(action, 0.5)", 10, "action is text"},
           {"quantile(byts, 0.5)", 10, "did you mean 'bytes'?"},
           {"first()", 7, "expected a field"},
           {"last(addr)", 6, "choose srcaddr, dstaddr"},
           {"avg(bytes)", 1, "did you mean mean()?"},
           {"median(bytes)", 1, "did you mean quantile(bytes, 0.5)?"},
           {"summ(bytes)", 1, "did you mean sum()?"},
           {"stddev(bytes)", 1,
            "there are count, connections, sum, min, max, mean, distinct, approx_distinct, quantile"},
           {"bin(start, 5m)", 1, "'bin()' is a key, not an aggregate"},
           {"a=b=count()", 3, "expected an aggregate"},
       }) {
    EXPECT_THAT(DumpAggregate(c.text), HasSubstr(c.error)) << c.text;
    EXPECT_EQ(ExpressionColumn(Aggregate(c.text).status()), c.column) << c.text;
  }
}

TEST(SplitListTest, CutsAtCommasOutsideOfParenthesesAndQuotes) {
  EXPECT_THAT(SplitList("flows=count(), prefix(srcaddr, 16) ,x"),
              ElementsAre("flows=count()", "prefix(srcaddr, 16)", "x"));
  EXPECT_THAT(SplitList("'a,b',\"c,'d\",'it''s,'"), ElementsAre("'a,b'", "\"c,'d\"", "'it''s,'"));
  EXPECT_THAT(SplitList("a"), ElementsAre("a"));
  EXPECT_THAT(SplitList("a,,b,"), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(SplitList(")a,b"), ElementsAre(")a", "b"));
  EXPECT_THAT(SplitList(""), IsEmpty());
  EXPECT_THAT(SplitList("  "), IsEmpty());
}

}  // namespace
}  // namespace flowlogs
