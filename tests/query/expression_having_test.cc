// Filters of groups, parsed (CONTRACT L10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/query/expression.h"
#include "tests/query/expression_dump.h"

namespace flowlogs {
namespace {

using namespace testing_language;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

std::vector<OutputColumn> Outputs(const std::vector<std::string>& keys, const std::vector<std::string>& aggregates) {
  std::vector<KeyExpression> parsed_keys;
  std::vector<AggregateExpression> parsed_aggregates;
  for (const std::string& key : keys) parsed_keys.push_back(ParseKey(key).value());
  for (const std::string& aggregate : aggregates) parsed_aggregates.push_back(ParseAggregate(aggregate).value());
  return OutputColumns(parsed_keys, parsed_aggregates);
}

const std::vector<OutputColumn>& All() {
  static const std::vector<OutputColumn> outputs =
      Outputs({"srcaddr", "dport=dstport", "protocol", "tcp-flags", "action", "t=bin(start, 5m)",
               "net=prefix(dstaddr, 16)", "port_service=service(dstport)", "scope(srcaddr)", "duration", "host"},
              {"flows=count()", "sum(bytes)", "sum(duration)", "mean(bytes)", "pause=mean(duration)", "min(start)",
               "max(dstaddr)", "distinct(dstport)", "approx_distinct(dstport)", "quantile(duration, 0.5)",
               "first(action)", "last(protocol)", "connections()"});
  return outputs;
}

absl::StatusOr<Expression> Having(std::string_view text, bool complete = true,
                                  const std::vector<OutputColumn>& outputs = All()) {
  static const std::map<std::string, std::vector<std::string>> sets = {{"odd", {"1", "3"}}, {"word", {"x"}}};
  const LanguageContext context = {.now_seconds = kNow, .sets = &sets, .internal = {}};
  return ParseHaving(ExactText(text).view(), outputs, context, complete);
}
std::string DumpHaving(std::string_view text, bool complete = true) {
  const absl::StatusOr<Expression> e = Having(text, complete);
  return e.ok() ? DumpTree(*e) : "error: " + Message(e.status());
}
std::string HavingError(std::string_view text, bool complete = true) {
  return ErrorOf(Having(text, complete).status());
}

// CONTRACT L10
TEST(HavingTest, NamesAreThoseOfKeysAndAggregates) {
  EXPECT_EQ(DumpHaving("flows > 10"), "flows{11..max}");
  EXPECT_EQ(DumpHaving("sum_bytes >= 1.5M and not flows < 3"), "and(sum_bytes{1500000..max} !flows{min..2})");
  EXPECT_EQ(DumpHaving("sum-bytes = 0"), "sum_bytes{0}");
  EXPECT_EQ(DumpHaving("dport in (22, 443)"), "dport{22,443}");
  EXPECT_EQ(DumpHaving("connections = 1 or distinct_dstport = 2 or approx_distinct_dstport = 3"),
            "or(connections{1} distinct_dstport{2} approx_distinct_dstport{3})");
  EXPECT_EQ(DumpHaving("max_dstaddr is not null"), "!max_dstaddr null");
  const absl::StatusOr<Expression> e = Having("flows > 1 and host = 'x'");
  ASSERT_TRUE(e.ok());
  EXPECT_EQ(e->children[1].test.columns[0].kind, ColumnRef::Kind::kOther);
  EXPECT_EQ(e->children[1].test.columns[0].position, 14u);
}

TEST(HavingTest, ValuesAreOfTheTypeOfTheOutput) {
  EXPECT_EQ(DumpHaving("srcaddr in (10.0.0.0/8, internal)"), "srcaddr{10.0.0.0..10.255.255.255,internal}");
  EXPECT_EQ(DumpHaving("protocol = tcp and last_protocol = UDP"), "and(protocol{6} last_protocol{17})");
  EXPECT_EQ(DumpHaving("tcp_flags has SYN, ACK"), "tcp_flags has 18");
  EXPECT_EQ(DumpHaving("tcp_flags = 'SYN|ACK'"), "tcp_flags{18}");
  EXPECT_EQ(DumpHaving("action = accept and first_action != reject"), "and(action{'ACCEPT'} !first_action{'REJECT'})");
  EXPECT_EQ(DumpHaving("t >= '2023-11-14' and min_start < -1h"), "and(t{1699920000..max} min_start{min..1699996399})");
  EXPECT_EQ(DumpHaving("net = '10.0.0.0/16' or net like '10.%'"), "or(net{'10.0.0.0/16'} net like 10.%)");
  EXPECT_EQ(DumpHaving("port_service in (HTTPS, ssh)"), "port_service{'https','ssh'}");
  EXPECT_EQ(DumpHaving("scope_srcaddr in (internal, Private)"), "scope_srcaddr{'internal','private'}");
  EXPECT_EQ(DumpHaving("duration < 1m and quantile_duration_0_5 > -1"),
            "and(duration{min..59} quantile_duration_0_5{0..max})");
  EXPECT_EQ(DumpHaving("sum_duration between -1h and 2d"), "sum_duration{-3600..172800}");
  EXPECT_EQ(DumpHaving("flows in @odd"), "flows{1,3}");
  EXPECT_EQ(DumpHaving("host = 007"), "host{'007'}");
  EXPECT_EQ(DumpHaving("host ~ '^a'"), "host ~ ^a");
}

TEST(HavingTest, IntegersMayBeNegative) {
  EXPECT_EQ(DumpHaving("sum_bytes > -5"), "sum_bytes{-4..max}");
  EXPECT_EQ(DumpHaving("sum_bytes <= -5"), "sum_bytes{min..-5}");
  EXPECT_EQ(DumpHaving("sum_bytes in (-1, 0, -3)"), "sum_bytes{-3,-1..0}");
  EXPECT_EQ(DumpHaving("sum_bytes >= -9223372036854775807"), "sum_bytes{-9223372036854775807..max}");
}

TEST(HavingTest, MeansAreComparedWithFractions) {
  EXPECT_EQ(DumpHaving("mean_bytes >= 0.5"), "mean_bytes{0.5..inf}");
  EXPECT_EQ(DumpHaving("mean_bytes <= 1.5k"), "mean_bytes{-inf..1500}");
  EXPECT_EQ(DumpHaving("mean_bytes = 1.0005k"), "mean_bytes{1000.5}");
  EXPECT_EQ(DumpHaving("mean_bytes = -0.25"), "mean_bytes{-0.25}");
  EXPECT_EQ(DumpHaving("mean_bytes > 10"), "mean_bytes{10.000000000000002..inf}");
  EXPECT_EQ(DumpHaving("mean_bytes < 10"), "mean_bytes{-inf..9.9999999999999982}");
  EXPECT_EQ(DumpHaving("mean_bytes != 10"), "!mean_bytes{10}");
  EXPECT_EQ(DumpHaving("mean_bytes not between 1 and 2.5"), "!mean_bytes{1..2.5}");
  EXPECT_EQ(DumpHaving("mean_bytes in (3, 1.5, @odd)"), "mean_bytes{1,1.5,3,3}");
  EXPECT_EQ(DumpHaving("pause > 1.15m"), "pause{69.000000000000014..inf}");
  EXPECT_EQ(DumpHaving("pause >= 1.15m"), "pause{69..inf}");
  EXPECT_EQ(DumpHaving("mean_bytes >= 0.1"), "mean_bytes{0.10000000000000001..inf}");
  EXPECT_EQ(DumpHaving("mean_bytes >= " + std::string(400, '9')), "mean_bytes{1.7976931348623157e+308..inf}");
  EXPECT_EQ(DumpHaving("mean_bytes is null"), "mean_bytes null");
  EXPECT_THAT(HavingError("mean_bytes > 5m"),
              HasSubstr("the unit 'm' cannot stand beside mean_bytes, whose units are k"));
  EXPECT_THAT(HavingError("pause > 5k"), HasSubstr("whose units are s m h d"));
  EXPECT_THAT(HavingError("mean_bytes > 5K"), HasSubstr("did you mean k?"));
  EXPECT_THAT(HavingError("mean_bytes > 'x'"), HasSubstr("'x' is no number"));
  EXPECT_THAT(HavingError("mean_bytes > x"), HasSubstr("'x' is no number"));
  EXPECT_THAT(HavingError("mean_bytes > 1-2"), HasSubstr("'1-2' is no number"));
  EXPECT_THAT(HavingError("mean_bytes in @word"), HasSubstr("in the set @word: 'x' is no number"));
  EXPECT_THAT(HavingError("mean_bytes like '1%'"), HasSubstr("'like' is for text and addresses"));
  EXPECT_THAT(HavingError("mean_bytes has SYN"), HasSubstr("'has' is for tcp-flags"));
}

TEST(HavingTest, WhatIsWrongIsAnErrorAtItsPlace) {
  struct Case {
    std::string_view text;
    size_t column;
    std::string_view error;
  };
  for (const Case& c : std::vector<Case>{
           {"", 1, "the filter is empty: write a test such as count > 10"},
           {"flows", 6, "expected an operator"},
           {"flows > 10 and", 15, "expected a test such as count > 10"},
           {"flow > 10", 1, "the answer has no column 'flow': did you mean flows?"},
           {"flows > 10 and vpc_id = 1", 16, "the answer has no column 'vpc_id'; it has srcaddr, dport, protocol"},
           {"port = 1", 1, "the answer has no column 'port'"},
           {"rejected", 1, "the answer has no column 'rejected'"},
           {"sum(bytes) > 1", 1,
            "functions cannot stand here: write the name of the column, as sum_bytes for sum(bytes)"},
           {"flows > 10.5", 9, "has a fraction"},
           {"flows > 5m", 10, "the unit 'm' cannot stand beside flows"},
           {"sum_duration > 5k", 17, "the unit 'k' cannot stand beside a duration"},
           {"flows = x", 9, "'x' is no number, and flows has numbers"},
           {"flows = tcp", 9, "'tcp' is no number"},
           {"flows in 10.0.0.0/8", 10, "a prefix is a set of addresses, and flows has none"},
           {"first_action = accpt", 16, "did you mean ACCEPT?"},
           {"scope_srcaddr = intrnal", 17, "did you mean internal?"},
           {"srcaddr = 10", 11, "is no address"},
           {"srcaddr in 10.0.0.1/8", 12, "host bits set"},
           {"t > 1h", 5, "did you mean -1h, before now?"},
           {"flows has SYN", 7, "'has' is for tcp-flags, and this is flows"},
           {"flows like '1%'", 7, "'like' is for text and addresses, and flows has numbers"},
           {"flows in @od", 10, "did you mean @odd?"},
           {"host ~ '('", 9, "RE2"},
       }) {
    EXPECT_THAT(HavingError(c.text), HasSubstr(c.error)) << c.text;
    EXPECT_EQ(ExpressionColumn(Having(c.text).status()), c.column) << c.text;
  }
}

// CONTRACT P4
TEST(HavingTest, WhileColumnsMayComeTheRestIsChecked) {
  for (std::string_view text :
       {"later > 10", "later = x and flows > 1", "later in (1, 'x', 10.0.0.0/8, @odd)", "later between 1 and 'x'",
        "later like 'x'", "later ~ 'x'", "later has SYN, what", "later is null", "not (later != -1 or later = 1.5x)"}) {
    EXPECT_EQ(HavingError(text, false), "no error") << text;
    EXPECT_THAT(HavingError(text), HasSubstr("the answer has no column 'later'")) << text;
  }
  for (std::string_view text :
       {"later", "later >", "later > 1 1", "flows = x", "later ~ '('", "later in @none", "later in (1", "later = @odd",
        "later between 1", "later like 5", "later > 1 and flows > 5m", "sum(later) > 1", "(later > 1"}) {
    EXPECT_NE(HavingError(text, false), "no error") << text;
  }
}

}  // namespace
}  // namespace flowlogs
