// Filters: grammar, columns, words and patterns, errors (CONTRACT L, L1 to L3, L7).
#include "lib/query/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "re2/re2.h"
#include "re2/stringpiece.h"

#include "tests/query/expression_dump.h"

namespace flowlogs {
namespace {

using namespace testing_language;  // NOLINT(google-build-using-namespace)
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- Grammar --------------------------------------------------------------------------------------------------------

// CONTRACT L, the grammar
TEST(FilterTest, EachOperatorHasItsSpellings) {
  EXPECT_EQ(Dump("dstport = 443"), "dstport{443}");
  EXPECT_EQ(Dump("dstport == 443"), "dstport{443}");
  EXPECT_EQ(Dump("dstport != 443"), "!dstport{443}");
  EXPECT_EQ(Dump("dstport <> 443"), "!dstport{443}");
  EXPECT_EQ(Dump("dstport < 443"), "dstport{0..442}");
  EXPECT_EQ(Dump("dstport <= 443"), "dstport{0..443}");
  EXPECT_EQ(Dump("dstport > 443"), "dstport{444..max}");
  EXPECT_EQ(Dump("dstport >= 443"), "dstport{443..max}");
  EXPECT_EQ(Dump("dstport in (80, 443)"), "dstport{80,443}");
  EXPECT_EQ(Dump("dstport in 443"), "dstport{443}");
  EXPECT_EQ(Dump("dstport not in (80, 443)"), "!dstport{80,443}");
  EXPECT_EQ(Dump("dstport between 20 and 23"), "dstport{20..23}");
  EXPECT_EQ(Dump("dstport not between 20 and 23"), "!dstport{20..23}");
  EXPECT_EQ(Dump("vpc-id like 'vpc-%'"), "vpc_id like vpc-%");
  EXPECT_EQ(Dump("vpc-id not like 'vpc-%'"), "!vpc_id like vpc-%");
  EXPECT_EQ(Dump("vpc-id ~ '^vpc'"), "vpc_id ~ ^vpc");
  EXPECT_EQ(Dump("vpc-id !~ '^vpc'"), "!vpc_id ~ ^vpc");
  EXPECT_EQ(Dump("tcp-flags has SYN"), "tcp_flags has 2");
  EXPECT_EQ(Dump("tcp-flags not has SYN"), "!tcp_flags has 2");
  EXPECT_EQ(Dump("dstport is null"), "dstport null");
  EXPECT_EQ(Dump("dstport is not null"), "!dstport null");
  EXPECT_EQ(Dump("rejected"), "action{'REJECT'}");
  EXPECT_EQ(Dump("accepted"), "action{'ACCEPT'}");
}

TEST(FilterTest, BlanksMayBeLeftOutAndLinesMayBreak) {
  EXPECT_EQ(Dump("dstport=443"), "dstport{443}");
  EXPECT_EQ(Dump("dstport>=443&&bytes<1k"), "and(dstport{443..max} bytes{0..999})");
  EXPECT_EQ(Dump("dstport in(80,443)"), "dstport{80,443}");
  EXPECT_EQ(Dump("\n dstport\t=\r\n 443 \n"), "dstport{443}");
  EXPECT_EQ(Dump("start>-1h"), "start{1699996401..max}");
}

TEST(FilterTest, AndBindsTighterThanOrAndNotTighterThanBoth) {
  EXPECT_EQ(Dump("a='1' or b='2' and c='3'"), "or(a{'1'} and(b{'2'} c{'3'}))");
  EXPECT_EQ(Dump("a='1' and b='2' or c='3'"), "or(and(a{'1'} b{'2'}) c{'3'})");
  EXPECT_EQ(Dump("(a='1' or b='2') and c='3'"), "and(or(a{'1'} b{'2'}) c{'3'})");
  EXPECT_EQ(Dump("not a='1' and b='2'"), "and(!a{'1'} b{'2'})");
  EXPECT_EQ(Dump("not a='1' or b='2'"), "or(!a{'1'} b{'2'})");
  EXPECT_EQ(Dump("a='1' && b='2' || ! c='3'"), "or(and(a{'1'} b{'2'}) !c{'3'})");
  EXPECT_EQ(Dump("srcport between 1 and 2 and dstport = 3"), "and(srcport{1..2} dstport{3})");
  EXPECT_EQ(Dump("srcport between 1 && 2 && dstport = 3"), "and(srcport{1..2} dstport{3})");
  EXPECT_EQ(Dump("tcp-flags has SYN, FIN and rejected"), "and(tcp_flags has 3 action{'REJECT'})");
}

TEST(FilterTest, ChainsAndNestedChainsAreOneNode) {
  EXPECT_EQ(Dump("a='1' and (b='2' and c='3') and d='4'"), "and(a{'1'} b{'2'} c{'3'} d{'4'})");
  EXPECT_EQ(Dump("(((a='1')))"), "a{'1'}");
}

// CONTRACT L2; the negation normal form
TEST(FilterTest, NotIsPushedIntoTheTests) {
  EXPECT_EQ(Dump("not (a='1' and b='2')"), "or(!a{'1'} !b{'2'})");
  EXPECT_EQ(Dump("not (a='1' or not b='2')"), "and(!a{'1'} b{'2'})");
  EXPECT_EQ(Dump("not not a='1'"), "a{'1'}");
  EXPECT_EQ(Dump("!!!a='1'"), "!a{'1'}");
  EXPECT_EQ(Dump("not dstport != 443"), "dstport{443}");
  EXPECT_EQ(Dump("not dstport not in (1, 2)"), "dstport{1..2}");
  EXPECT_EQ(Dump("not dstport is null"), "!dstport null");
  EXPECT_EQ(Dump("not dstport is not null"), "dstport null");
  EXPECT_EQ(Dump("not rejected"), "!action{'REJECT'}");
  EXPECT_EQ(Dump("not (action = 'ACCEPT')"), "!action{'ACCEPT'}");
  EXPECT_EQ(Dump("not dstport < 10"), "!dstport{0..9}");
}

// CONTRACT L1
TEST(FilterTest, KeywordsAreReadInAnyCase) {
  EXPECT_EQ(Dump("NOT dstport IN (1) AND srcport Is Not Null Or REJECTED"),
            "or(and(!dstport{1} !srcport null) action{'REJECT'})");
  EXPECT_EQ(Dump("dstport Between 1 AND 2 and vpc-id LIKE 'x' and tcp-flags HAS syn"),
            "and(dstport{1..2} vpc_id like x tcp_flags has 2)");
}

TEST(FilterTest, ARejectedColumnIsAColumn) {
  EXPECT_EQ(Dump("rejected = 'x'"), "rejected{'x'}");
  EXPECT_EQ(Dump("accepted is null"), "accepted null");
}

// CONTRACT L1
TEST(FilterTest, TextStandsInEitherQuotesAndADoubledQuoteIsOne) {
  EXPECT_EQ(Dump("vpc-id = 'it''s'"), "vpc_id{'it's'}");
  EXPECT_EQ(Dump("vpc-id = \"say \"\"hi\"\"\""), "vpc_id{'say \"hi\"'}");
  EXPECT_EQ(Dump("vpc-id = 'a\"b'"), "vpc_id{'a\"b'}");
  EXPECT_EQ(Dump("vpc-id = 'a\\n'"), "vpc_id{'a\\n'}");
  EXPECT_EQ(Dump("vpc-id = ''"), "vpc_id{''}");
  EXPECT_EQ(Dump("vpc-id = ''''"), "vpc_id{'''}");
  EXPECT_EQ(Error("vpc-id = 'abc"), "the text has no closing quote");
  EXPECT_EQ(ErrorColumn("vpc-id = 'abc"), 10u);
  EXPECT_EQ(Error("vpc-id = '''"), "the text has no closing quote");
}

TEST(FilterTest, WhatIsNoFilterIsAnErrorAtItsPlace) {
  struct Case {
    std::string_view text;
    size_t column;
    std::string_view error;
  };
  for (const Case& c : std::vector<Case>{
           {"", 1, "the filter is empty"},
           {"  \n ", 1, "the filter is empty"},
           {"dstport", 8, "expected an operator"},
           {"dstport 443", 9, "found '443'"},
           {"dstport =", 10, "expected a value after '=', found the end"},
           {"dstport = ", 10, "expected a value after '=', found the end"},
           {"dstport = and", 11, "expected a value"},
           {"= 443", 1, "expected a test"},
           {"443 = dstport", 1, "expected a test"},
           {"'dstport' = 443", 1, "expected a test"},
           {"dstport = 443 srcport = 1", 15, "expected 'and', 'or' or the end, found 'srcport'"},
           {"dstport = 443 and", 18, "expected a test"},
           {"dstport = 443 or or srcport = 1", 18, "expected a test"},
           {"(dstport = 443", 15, "expected 'and', 'or' or ')', found the end"},
           {"dstport = 443)", 14, "found ')'"},
           {"()", 2, "expected a test"},
           {"not", 4, "expected a test"},
           {"dstport in ()", 13, "expected a value after 'in'"},
           {"dstport in (1,)", 15, "expected a value after 'in'"},
           {"dstport in (1 2)", 15, "expected ',' or ')'"},
           {"dstport in (1, 2", 17, "expected ',' or ')'"},
           {"dstport between 1", 18, "expected 'and' and the upper bound"},
           {"dstport between 1 or 2", 19, "expected 'and' and the upper bound"},
           {"dstport not 443", 13, "expected 'in', 'between', 'like' or 'has'"},
           {"dstport is 443", 12, "expected 'null' or 'not null'"},
           {"dstport is not 443", 16, "expected 'null'"},
           {"dstport = null", 11, "write 'is null'"},
           {"dstport = - x", 13, "expected a number after '-'"},
           {"dstport & 1", 9, "write &&"},
           {"dstport = 1 | srcport = 2", 13, "write ||"},
           {"vpc-id = \xE2\x80\x98x\xE2\x80\x99", 10, "straight quotes"},
           {"scope(srcaddr) = private", 6, "functions are for keys and aggregates"},
           {"dstport = 443;", 14, "found ';'"},
           {"vpc-id = #", 10, "found '#'"},
       }) {
    EXPECT_THAT(Error(c.text), HasSubstr(c.error)) << c.text;
    EXPECT_EQ(ErrorColumn(c.text), c.column) << c.text;
  }
}

// CONTRACT L1: no arithmetic, no comparison of two fields
TEST(FilterTest, AHyphenBelongsToTheName) {
  EXPECT_EQ(Dump("a-b = 'x'"), "a-b{'x'}");
  EXPECT_EQ(Dump("a.b_c-1 = 'x'"), "a.b_c-1{'x'}");
  EXPECT_THAT(Error("end-start > 5m"), HasSubstr("end-start is no known field"));
  EXPECT_THAT(Error("srcaddr = dstaddr"), HasSubstr("'dstaddr' is a field: two fields cannot be compared"));
  EXPECT_THAT(Error("srcport = dstport"), HasSubstr("two fields cannot be compared"));
  EXPECT_THAT(Error("start = end"), HasSubstr("two fields cannot be compared"));
  EXPECT_THAT(Error("duration > bytes"), HasSubstr("two fields cannot be compared"));
  EXPECT_THAT(Error("vpc-id = subnet-id"), HasSubstr("two fields cannot be compared (text goes in quotes)"));
  EXPECT_THAT(Error("srcaddr in dstaddr"), HasSubstr("two fields cannot be compared"));
}

TEST(FilterTest, NestingIsBounded) {
  auto nested = [](size_t depth) { return std::string(depth, '(') + "rejected" + std::string(depth, ')'); };
  EXPECT_EQ(Dump(nested(200)), "action{'REJECT'}");
  EXPECT_THAT(Error(nested(201)), HasSubstr("nested too deeply"));
  EXPECT_EQ(ErrorColumn(nested(201)), 201u);
  EXPECT_THAT(Error(nested(100000)), HasSubstr("nested too deeply"));
  std::string nots;
  for (int i = 0; i < 100001; ++i) nots += "not ";
  EXPECT_EQ(Dump(nots + "rejected"), "!action{'REJECT'}");
}

TEST(FilterTest, LengthIsBounded) {
  std::string text = "dstport in (1";
  for (int i = 0; i < 100000; ++i) text += "," + std::to_string(i * 2);
  EXPECT_EQ(Parse(text + ")")->test.ints.size(), 99999u);  // 0, 1 and 2 are one interval
  text.resize((1 << 20) + 1, ' ');
  EXPECT_THAT(Error(text), HasSubstr("too long"));
}

// ---- Columns --------------------------------------------------------------------------------------------------------

// CONTRACT F1: hyphen or underscore
TEST(FilterTest, FieldsAreNamedInEitherSpelling) {
  for (const FieldInfo& info : AllFields()) {
    for (std::string_view name : {info.name, info.column}) {
      const absl::StatusOr<Expression> e = Parse(std::string(name) + " is null");
      ASSERT_TRUE(e.ok()) << name;
      ASSERT_EQ(e->test.columns.size(), 1u);
      EXPECT_EQ(e->test.columns[0].kind, ColumnRef::Kind::kField);
      EXPECT_EQ(e->test.columns[0].field, info.field);
      EXPECT_EQ(e->test.columns[0].name, info.column);
    }
  }
}

// CONTRACT L3
TEST(FilterTest, SynonymsStandForTheirFields) {
  EXPECT_EQ(Dump("addr = 10.0.0.1"), "srcaddr|dstaddr|pkt_srcaddr|pkt_dstaddr*{10.0.0.1}");
  EXPECT_EQ(Dump("src = 10.0.0.1"), "srcaddr|pkt_srcaddr*{10.0.0.1}");
  EXPECT_EQ(Dump("dst != 10.0.0.1"), "!dstaddr|pkt_dstaddr*{10.0.0.1}");
  EXPECT_EQ(Dump("port = 443"), "srcport|dstport*{443}");
  EXPECT_EQ(Dump("sport = 443"), "srcport{443}");
  EXPECT_EQ(Dump("dport = 443"), "dstport{443}");
  EXPECT_EQ(Dump("proto = tcp"), "protocol{6}");
  EXPECT_EQ(Dump("eni = 'eni-1'"), "interface_id{'eni-1'}");
  EXPECT_EQ(Dump("addr is null"), "srcaddr|dstaddr|pkt_srcaddr|pkt_dstaddr* null");
  EXPECT_EQ(Dump("addr not in private or not port in (1)"),
            "or(" + Dump("addr not in private") + " !srcport|dstport*{1})");
}

TEST(FilterTest, ColumnsKnowTheirTypeAndPlace) {
  const absl::StatusOr<Expression> e = Parse("rejected and  start > 0 and duration > 1 and service = ssh and x = '1'");
  ASSERT_TRUE(e.ok());
  std::vector<OperandType> types;
  std::vector<size_t> positions;
  for (const Expression& child : e->children) {
    types.push_back(child.test.columns.at(0).type());
    positions.push_back(child.test.columns.at(0).position);
  }
  EXPECT_THAT(types, ElementsAre(OperandType::kText, OperandType::kTime, OperandType::kDuration, OperandType::kText,
                                 OperandType::kText));
  EXPECT_THAT(positions, ElementsAre(0u, 14u, 28u, 45u, 63u));
  EXPECT_EQ(Parse("srcaddr is null")->test.columns[0].type(), OperandType::kAddress);
  EXPECT_EQ(Parse("version is null")->test.columns[0].type(), OperandType::kInteger);
  EXPECT_EQ(Parse("instance-tag is null")->test.columns[0].type(), OperandType::kText);
}

// CONTRACT P4: looked up when the first format is read
TEST(FilterTest, AnUnknownNameIsATextColumnAsItIsWritten) {
  const absl::StatusOr<Expression> e = Parse("my-Column = 'x'");
  ASSERT_TRUE(e.ok());
  EXPECT_EQ(e->test.columns[0].kind, ColumnRef::Kind::kOther);
  EXPECT_EQ(e->test.columns[0].name, "my-Column");
  EXPECT_EQ(Dump("host = 10.0.0.1"), "host{'10.0.0.1'}");
  EXPECT_EQ(Dump("host > 007"), "host('007'..)");
  EXPECT_THAT(Error("dstprt > 1k"), HasSubstr("dstprt is no known field: did you mean 'dstport'?"));
  EXPECT_THAT(Error("dstprt = tcp"), HasSubstr("did you mean 'dstport'?"));
  EXPECT_THAT(Error("srcadr in 10.0.0.0/8"), HasSubstr("did you mean 'srcaddr'?"));
  EXPECT_THAT(Error("srcadr in private"), HasSubstr("did you mean 'srcaddr'?"));
}

// CONTRACT D1, L13
TEST(FilterTest, DerivedAndProvenanceColumnsAreNames) {
  struct Case {
    std::string_view text;
    ColumnRef::Kind kind;
    OperandType type;
    std::string_view name;
  };
  using Kind = ColumnRef::Kind;
  for (const Case& c : std::vector<Case>{
           {"duration", Kind::kDuration, OperandType::kDuration, "duration"},
           {"direction", Kind::kDirection, OperandType::kText, "direction"},
           {"own", Kind::kOwn, OperandType::kAddress, "own"},
           {"peer", Kind::kPeer, OperandType::kAddress, "peer"},
           {"client", Kind::kClient, OperandType::kAddress, "client"},
           {"server", Kind::kServer, OperandType::kAddress, "server"},
           {"server_port", Kind::kServerPort, OperandType::kInteger, "server_port"},
           {"server-port", Kind::kServerPort, OperandType::kInteger, "server_port"},
           {"service", Kind::kService, OperandType::kText, "service"},
           {"orientation", Kind::kOrientation, OperandType::kText, "orientation"},
           {"_source", Kind::kSource, OperandType::kText, "_source"},
           {"_line", Kind::kLine, OperandType::kInteger, "_line"},
       }) {
    const absl::StatusOr<Expression> e = Parse(std::string(c.text) + " is null");
    ASSERT_TRUE(e.ok()) << c.text;
    ASSERT_EQ(e->test.columns.size(), 1u);
    EXPECT_EQ(e->test.columns[0].kind, c.kind) << c.text;
    EXPECT_EQ(e->test.columns[0].type(), c.type) << c.text;
    EXPECT_EQ(e->test.columns[0].name, c.name) << c.text;
  }
  EXPECT_EQ(Dump("direction = Ingress"), "direction{'ingress'}");
  EXPECT_EQ(Dump("orientation in (syn-ack, PORT)"), "orientation{'port','syn-ack'}");
  EXPECT_EQ(Dump("peer in 10.0.0.0/8"), "peer{10.0.0.0..10.255.255.255}");
  EXPECT_EQ(Dump("server_port between 1 and 1k"), "server_port{1..1000}");
  EXPECT_EQ(Dump("_source like '%.gz' and _line > 9"), "and(_source like %.gz _line{10..max})");
  EXPECT_THAT(Error("direction = ingres"), HasSubstr("did you mean ingress?"));
  EXPECT_THAT(Error("orientation = guess"), HasSubstr("no word of orientation, which are syn, syn-ack, port, unknown"));
  EXPECT_THAT(Error("server_port = https"), HasSubstr("(https is 443)"));
  EXPECT_THAT(Error("own = 5"), HasSubstr("own has addresses"));
  EXPECT_THAT(Error("sever_port > 1k"), HasSubstr("did you mean 'server_port'?"));
}

// CONTRACT L13
TEST(FilterTest, ColumnsOfProvenanceAreKnownInEitherSpelling) {
  for (std::string_view name : {"_log_group", "_log_stream", "_event_id", "_owner", "_account", "_region", "_flow_log_id"}) {
    EXPECT_EQ(Dump(std::string(name) + " = 'x'"), std::string(name) + "{'x'}");
  }
  EXPECT_EQ(Dump("_log-group is null"), Dump("_log_group is null"));
  EXPECT_EQ(Dump("_account = 012345678901"), "_account{'012345678901'}");
  EXPECT_EQ(Dump("_event_time > 1k"), "_event_time{1001..max}");
  EXPECT_THAT(Error("_event_time = 'x'"), HasSubstr("_event_time"));
  EXPECT_THAT(Error("_log_strem ~ 'x' and _regoin > 1k"), HasSubstr("did you mean '_region'?"));
  EXPECT_EQ(Dump("_other = 'x'"), "_other{'x'}");
}

// ---- Words and text -------------------------------------------------------------------------------------------------

// CONTRACT L1
TEST(FilterTest, WordsAreReadInAnyCaseQuotedOrNot) {
  EXPECT_EQ(Dump("action = accept"), "action{'ACCEPT'}");
  EXPECT_EQ(Dump("action = 'Accept'"), "action{'ACCEPT'}");
  EXPECT_EQ(Dump("action in (ACCEPT, \"reject\")"), "action{'ACCEPT','REJECT'}");
  EXPECT_EQ(Dump("log-status != ok"), "!log_status{'OK'}");
  EXPECT_EQ(Dump("log-status = NoData"), "log_status{'NODATA'}");
  EXPECT_EQ(Dump("type = ipv6"), "type{'IPv6'}");
  EXPECT_EQ(Dump("flow-direction = INGRESS"), "flow_direction{'ingress'}");
  EXPECT_EQ(Dump("sublocation-type = Outpost"), "sublocation_type{'outpost'}");
  EXPECT_EQ(Dump("resource-type = transitgateway"), "resource_type{'TransitGateway'}");
  EXPECT_EQ(Dump("pkt-dst-aws-service = s3"), "pkt_dst_aws_service{'S3'}");
  EXPECT_EQ(Dump("pkt-dst-aws-service = 'dynamodb'"), "pkt_dst_aws_service{'DYNAMODB'}");
  EXPECT_EQ(Dump("reject-reason = bpa"), "reject_reason{'BPA'}");
  EXPECT_EQ(Dump("interface-type = NAT_gateway"), "interface_type{'nat_gateway'}");
  EXPECT_EQ(Dump("service = HTTPS"), "service{'https'}");
  EXPECT_EQ(Dump("service in (ssh, 'splunk-s2s')"), "service{'splunk-s2s','ssh'}");
}

// CONTRACT L1
TEST(FilterTest, WordsOfIntegerFieldsAreTheirNumbers) {
  EXPECT_EQ(Dump("protocol = tcp"), "protocol{6}");
  EXPECT_EQ(Dump("protocol = 'UDP'"), "protocol{17}");
  EXPECT_EQ(Dump("protocol in (tcp, 17, icmpv6)"), "protocol{6,17,58}");
  EXPECT_EQ(Dump("protocol = 6"), "protocol{6}");
  EXPECT_EQ(Dump("tcp-flags = SYN"), "tcp_flags{2}");
  EXPECT_EQ(Dump("tcp-flags = syn-ack"), "tcp_flags{18}");
  EXPECT_EQ(Dump("tcp-flags = 'SYN|ACK'"), "tcp_flags{18}");
  EXPECT_EQ(Dump("tcp-flags = 'fin | syn-ack'"), "tcp_flags{19}");
  EXPECT_EQ(Dump("tcp-flags = 'SYN|64'"), "tcp_flags{66}");
  EXPECT_EQ(Dump("tcp-flags in (0, SYN, 3)"), "tcp_flags{0,2..3}");
}

TEST(FilterTest, TcpFlagsReadAsTheyAreWritten) {
  for (int64_t flags = 1; flags < 256; ++flags) {
    const std::string text = "tcp-flags = '" + TcpFlagsName(flags) + "'";
    EXPECT_EQ(Dump(text), "tcp_flags{" + std::to_string(flags) + "}") << text;
  }
}

// CONTRACT L1
TEST(FilterTest, ABareWordThatIsNoneOfTheFieldsIsAnErrorWithASuggestion) {
  EXPECT_EQ(Error("action = REJET"), "'REJET' is no word of action: did you mean REJECT?; other text goes in quotes");
  EXPECT_THAT(Error("protocol = tpc"), HasSubstr("did you mean tcp?"));
  EXPECT_THAT(Error("tcp-flags = SYNACK"), HasSubstr("did you mean SYN-ACK?"));
  EXPECT_THAT(Error("pkt-src-aws-service = DYNAMO_DB"), HasSubstr("did you mean DYNAMODB?"));
  EXPECT_THAT(Error("action = drop"), HasSubstr("which are ACCEPT, REJECT"));
  EXPECT_THAT(Error("service = htps"), HasSubstr("did you mean https?"));
  EXPECT_EQ(ErrorColumn("rejected and protocol = tpc"), 25u);
  // Fields without words.
  EXPECT_EQ(Error("interface-id = eni-1235b8ca"), "text goes in quotes: interface-id = 'eni-1235b8ca'");
  EXPECT_EQ(Error("instance-tag in (web)"), "text goes in quotes: instance-tag = 'web'");
  EXPECT_THAT(Error("ecs-cluster-arn = arn:aws:ecs:1"), HasSubstr("text goes in quotes: 'arn:aws:ecs:1'"));
  EXPECT_EQ(Error("dstport = https"), "'https' is no number, and dstport has numbers (https is 443)");
  EXPECT_EQ(Error("bytes = many"), "'many' is no number, and bytes has numbers");
}

// CONTRACT L1
TEST(FilterTest, QuotedTextThatIsNoWordIsThatText) {
  EXPECT_EQ(Dump("reject-reason = 'New'"), "reject_reason{'New'}");
  EXPECT_EQ(Dump("action = 'Drop'"), "action{'Drop'}");
  EXPECT_EQ(Dump("interface-id = 'eni-1'"), "interface_id{'eni-1'}");
  EXPECT_EQ(Dump("service = 'Mine'"), "service{'Mine'}");
  EXPECT_EQ(Dump("vpc-id = '10.0.0.0/8'"), "vpc_id{'10.0.0.0/8'}");
}

// CONTRACT L1
TEST(FilterTest, QuotedTextBesideAnIntegerIsAWordOrDigits) {
  EXPECT_EQ(Dump("dstport = '443'"), "dstport{443}");
  EXPECT_EQ(Dump("dstport in ('80', \"443\")"), "dstport{80,443}");
  EXPECT_EQ(Dump("duration = '60'"), "duration{60}");
  EXPECT_EQ(Dump("tcp-flags = '18'"), "tcp_flags{18}");
  for (std::string_view text :
       {"dstport = '1k'", "dstport = '-1'", "dstport = ''", "dstport = ' 443'", "bytes = 'x'", "protocol = 'tpc'",
        "tcp-flags = ''", "tcp-flags = 'SYN|'", "duration = '5m'", "dstport = '99999999999999999999'"}) {
    EXPECT_FALSE(Parse(text).ok()) << text;
  }
}

// CONTRACT L1, F6
TEST(FilterTest, BareDigitsBesideTextAreThatTextWithLeadingZeros) {
  EXPECT_EQ(Dump("account-id = 012345678901"), "account_id{'012345678901'}");
  EXPECT_EQ(Dump("account-id in (0001, 123456789010)"), "account_id{'0001','123456789010'}");
  EXPECT_EQ(Dump("account-id = 99999999999999999999999999"), "account_id{'99999999999999999999999999'}");
  EXPECT_EQ(Dump("instance-tag = 10.0.0.1"), "instance_tag{'10.0.0.1'}");
  EXPECT_EQ(Dump("instance-tag = FE80::1"), "instance_tag{'FE80::1'}");
  for (std::string_view text : {"account-id = -5", "account-id = 1k", "account-id = 1.5"}) {
    EXPECT_THAT(Error(text), HasSubstr("text goes in quotes")) << text;
  }
}

TEST(FilterTest, TextIsComparedInRanges) {
  EXPECT_EQ(Dump("vpc-id < 'b'"), "vpc_id(..'b')");
  EXPECT_EQ(Dump("vpc-id <= 'b'"), "vpc_id(..'b']");
  EXPECT_EQ(Dump("vpc-id > 'b'"), "vpc_id('b'..)");
  EXPECT_EQ(Dump("vpc-id >= 'b'"), "vpc_id['b'..)");
  EXPECT_EQ(Dump("vpc-id between 'a' and 'b'"), "vpc_id['a'..'b']");
  EXPECT_EQ(Dump("vpc-id not between 'b' and 'a'"), "!vpc_id['b'..'a']");
  EXPECT_EQ(Dump("vpc-id in ('b', 'a', 'b')"), "vpc_id{'a','b'}");
}

// ---- Patterns and flags ---------------------------------------------------------------------------------------------

// CONTRACT L7
TEST(FilterTest, PatternsAreForTextAndAddresses) {
  EXPECT_EQ(Dump("srcaddr like '10.%'"), "srcaddr like 10.%");
  EXPECT_EQ(Dump("addr ~ '^10[.]'"), "srcaddr|dstaddr|pkt_srcaddr|pkt_dstaddr* ~ ^10[.]");
  EXPECT_EQ(Dump("host like 'ACCEPT'"), "host like ACCEPT");
  EXPECT_EQ(Dump("action like 'accept'"), "action like accept");  // no words in patterns
  EXPECT_EQ(Error("dstport like '4%'"), "'like' is for text and addresses, and dstport has numbers");
  EXPECT_EQ(Error("start ~ '4'"), "'~' is for text and addresses, and start has numbers");
  EXPECT_THAT(Error("vpc-id like vpc"), HasSubstr("expected text in quotes after 'like'"));
  EXPECT_THAT(Error("vpc-id ~ 5"), HasSubstr("expected text in quotes after '~'"));
  EXPECT_EQ(ErrorColumn("vpc-id ~ 5"), 10u);
}

// CONTRACT L7
TEST(FilterTest, PatternsAreRe2) {
  const absl::StatusOr<Expression> e = Parse("vpc-id ~ 'a.c'");
  ASSERT_TRUE(e.ok());
  auto found = [](const Expression& filter, std::string_view text) {
    return re2::RE2::PartialMatch(re2::StringPiece{text.data(), text.size()}, *filter.test.regex);
  };
  EXPECT_TRUE(found(*e, "xa-cx"));
  EXPECT_TRUE(found(*e,
                    "a\xC3\xA4"
                    "c"));  // one character
  EXPECT_FALSE(found(*e, "A-C"));
  const absl::StatusOr<Expression> latin1 = Parse("vpc-id ~ 'a\xE4.'");
  ASSERT_TRUE(latin1.ok());
  EXPECT_TRUE(found(*latin1, "a\xE4\xFF"));
}

TEST(FilterTest, AWrongPatternIsAnErrorUnderItsFragment) {
  EXPECT_THAT(Error("vpc-id ~ 'a(b'"), HasSubstr("missing )"));
  EXPECT_THAT(Error("vpc-id ~ 'ab**'"), HasSubstr("**"));
  EXPECT_EQ(ErrorColumn("vpc-id ~ 'ab**'"), 13u);
  EXPECT_EQ(ErrorColumn("vpc-id ~ 'a''b**'"), 15u);
  EXPECT_THAT(Error("vpc-id ~ '[z-a]'"), HasSubstr("invalid character class range: z-a"));
  EXPECT_EQ(ErrorColumn("vpc-id ~ '[z-a]'"), 12u);
  EXPECT_FALSE(Parse("vpc-id ~ '((a{1,100}){1,100}){1,100}'").ok());  // bounded memory
  std::string many = "vpc-id ~ 'a'";
  for (int i = 0; i < 256; ++i) many += " or vpc-id ~ 'a'";
  EXPECT_THAT(Error(many), HasSubstr("too many patterns"));
}

// CONTRACT L7
TEST(FilterTest, HasAsksForEveryNamedFlag) {
  EXPECT_EQ(Dump("tcp-flags has SYN, FIN"), "tcp_flags has 3");
  EXPECT_EQ(Dump("tcp-flags has SYN-ACK"), "tcp_flags has 18");
  EXPECT_EQ(Dump("tcp_flags has 'syn|ack',rst"), "tcp_flags has 22");
  EXPECT_EQ(Dump("tcp_flags has 2, 16"), "tcp_flags has 18");
  EXPECT_THAT(Error("dstport has SYN"), HasSubstr("'has' is for tcp-flags"));
  EXPECT_THAT(Error("action has SYN"), HasSubstr("'has' is for tcp-flags"));
  EXPECT_THAT(Error("tcp-flags has SYM"), HasSubstr("did you mean SYN?"));
  EXPECT_THAT(Error("tcp-flags has 0"), HasSubstr("names no flag"));
  EXPECT_THAT(Error("tcp-flags has -2"), HasSubstr("names no flag"));
  EXPECT_THAT(Error("tcp-flags has SYN,"), HasSubstr("expected a value"));
  EXPECT_THAT(Error("tcp-flags has 10.0.0.1"), HasSubstr("no word of tcp-flags"));
  EXPECT_THAT(Error("tcp-flags has SYN|ACK"), HasSubstr("'SYN|ACK', in quotes"));
}

// ---- Errors ---------------------------------------------------------------------------------------------------------

// CONTRACT L1, P4
TEST(ExpressionErrorTest, ShowsTheExpressionWithACaretUnderThePlace) {
  const absl::Status status = Parse("rejected and protocol = tpc").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message = Message(status);
  EXPECT_THAT(message, HasSubstr("\nrejected and protocol = tpc\n                        ^"));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 2);
  EXPECT_EQ(ExpressionColumn(status), 25u);
}

TEST(ExpressionErrorTest, CountsCharactersAndKeepsTabs) {
  const std::string text = "instance-tag = 'äöü€𝄞' and\tx";
  const absl::Status status = Parse(text).status();
  EXPECT_EQ(ExpressionColumn(status), text.size() + 1);  // in bytes
  EXPECT_THAT(Message(status), HasSubstr("\n" + text + "\n" + std::string(26, ' ') + "\t ^"));
}

TEST(ExpressionErrorTest, ShowsTheLineOfTheError) {
  const absl::Status status = Parse("rejected\n  and protocol = tpc\n  and dstport = 443").status();
  EXPECT_THAT(Message(status), HasSubstr("\n  and protocol = tpc\n                 ^"));
  EXPECT_EQ(ExpressionColumn(status), 27u);
  EXPECT_THAT(Message(Parse("dstport =\n\n").status()), HasSubstr("\ndstport =\n         ^"));
}

TEST(ExpressionErrorTest, ShowsOfALongLineThePartAroundThePlace) {
  const std::string text =
      "vpc-id = '" + std::string(5000, 'x') + "' and protocol = tpc and vpc-id = '" + std::string(5000, 'x') + "'";
  const std::string message = Message(Parse(text).status());
  EXPECT_LT(message.size(), 700u);
  const size_t line = message.find('\n') + 1;
  const size_t caret = message.find('\n', line) + 1;
  EXPECT_EQ(message.substr(line, 3), "...");
  EXPECT_EQ(message.substr(line + (message.size() - 1 - caret), 3), "tpc");
}

TEST(ExpressionErrorTest, IsThreeLinesOfUtf8Always) {
  const absl::Status status = ExpressionError("a\x01\xFF\x80 b", 4, "wrong\n\xFFthing\x02");
  EXPECT_EQ(Message(status), "wrong ?thing?\na??? b\n    ^");
  EXPECT_EQ(ExpressionColumn(ExpressionError("ab", 99, "x")), 3u);
  EXPECT_EQ(Message(ExpressionError("", 0, "x")), "x\n\n^");
}

TEST(ExpressionErrorTest, OtherStatusesHaveNoColumn) {
  EXPECT_EQ(ExpressionColumn(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(ExpressionColumn(absl::InvalidArgumentError("x")), std::nullopt);
}

TEST(SuggestTest, FindsTheNearestName) {
  EXPECT_EQ(Suggest("dstprt", {"srcport", "dstport"}), "dstport");
  EXPECT_EQ(Suggest("PKT_SRCADR", {"srcaddr", "pkt-srcaddr"}), "pkt-srcaddr");
  EXPECT_EQ(Suggest("tpc", {"udp", "tcp"}), "tcp");
  EXPECT_EQ(Suggest("Action", {"action"}), "action");
  EXPECT_EQ(Suggest("zebra", {"srcport", "dstport"}), "");
  EXPECT_EQ(Suggest("x", {"y"}), "");
  EXPECT_EQ(Suggest("", {"a"}), "");
  EXPECT_EQ(Suggest(std::string(1000, 'a'), {"a"}), "");
  EXPECT_EQ(Suggest("a", {}), "");
}

}  // namespace
}  // namespace flowlogs
