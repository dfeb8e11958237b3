// Filters, keys and aggregates of random text: the logic of CONTRACT L2, and no crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/query/expression.h"
#include "tests/query/expression_dump.h"

namespace flowlogs {
namespace {

using namespace testing_language;  // NOLINT(google-build-using-namespace)

// ---- Random expressions ---------------------------------------------------------------------------------------------

// A formula over a, b, c, and its value in SQL's three-valued logic: 1 true, 0 false, -1 unknown.
struct Formula {
  std::string text;       // with the parentheses that precedence asks for
  std::string full_text;  // with all of them
  int value;
  int level;  // 0 or, 1 and, 2 not, 3 test or parentheses
};

Formula RandomFormula(std::mt19937& random, const int (&values)[3], int depth) {
  const int choice = depth == 0 ? 0 : static_cast<int>(random() % 5);
  auto within = [](const Formula& f, int level) { return f.level < level ? "(" + f.text + ")" : f.text; };
  if (choice <= 1) {
    const int i = static_cast<int>(random() % 3);
    std::string text(1, static_cast<char>('a' + i));
    int value = values[i];
    switch (random() % 4) {
      case 0:
        text += " = '1'";
        break;
      case 1:
        text += " != '1'";
        value = value < 0 ? -1 : 1 - value;
        break;
      case 2:
        text += " is null";
        value = value < 0 ? 1 : 0;
        break;
      default:
        text += " is not null";
        value = value < 0 ? 0 : 1;
        break;
    }
    return {text, text, value, 3};
  }
  const Formula x = RandomFormula(random, values, depth - 1);
  if (choice == 2) {
    return {"not " + within(x, 2), "not (" + x.full_text + ")", x.value < 0 ? -1 : 1 - x.value, 2};
  }
  const Formula y = RandomFormula(random, values, depth - 1);
  const std::string full = "(" + x.full_text + ")" + (choice == 3 ? " and " : " or ") + "(" + y.full_text + ")";
  if (choice == 3) {
    const int value = x.value == 0 || y.value == 0 ? 0 : x.value < 0 || y.value < 0 ? -1 : 1;
    return {within(x, 1) + " and " + within(y, 1), full, value, 1};
  }
  const int value = x.value == 1 || y.value == 1 ? 1 : x.value < 0 || y.value < 0 ? -1 : 0;
  return {x.text + " or " + y.text, full, value, 0};
}

// As the executor reads the tree: each node is true or not.
bool Holds(const Expression& e, const int (&values)[3]) {
  if (e.kind == Expression::Kind::kTest) {
    const int value = values[e.test.columns.at(0).name.at(0) - 'a'];
    if (e.test.kind == Test::Kind::kIsNull) return (value < 0) != e.test.negated;
    return value >= 0 && (value == 1) != e.test.negated;
  }
  const bool is_and = e.kind == Expression::Kind::kAnd;
  for (const Expression& child : e.children) {
    if (Holds(child, values) != is_and) return !is_and;
  }
  return is_and;
}

// CONTRACT L2: a row stays only when the whole expression is true.
TEST(RandomExpressionTest, TheTreeIsTrueWhereSqlIs) {
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    int values[3];
    for (int& value : values) value = static_cast<int>(random() % 3) - 1;
    const Formula f = RandomFormula(random, values, 5);
    const absl::StatusOr<Expression> e = Parse(f.text);
    ASSERT_TRUE(e.ok()) << f.text;
    ASSERT_EQ(Holds(*e, values), f.value == 1) << f.text;
    ASSERT_EQ(DumpTree(*e), Dump(f.full_text)) << f.text;
  }
}

void CheckError(const absl::Status& status, std::string_view text) {
  if (status.ok()) return;
  ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::optional<size_t> column = ExpressionColumn(status);
  ASSERT_TRUE(column.has_value()) << text;
  ASSERT_GE(*column, 1u) << text;
  ASSERT_LE(*column, text.size() + 1) << text;
  const std::string message = Message(status);
  ASSERT_EQ(std::count(message.begin(), message.end(), '\n'), 2) << text;
  ASSERT_EQ(message.back(), '^') << text;
}

TEST(RandomExpressionTest, NoSoupOfTokensCrashesAndEveryErrorHasAPlace) {
  const std::vector<std::string_view> tokens = {"dstport",
                                                "srcaddr",
                                                "addr",
                                                "port",
                                                "start",
                                                "end",
                                                "duration",
                                                "service",
                                                "action",
                                                "protocol",
                                                "tcp-flags",
                                                "account-id",
                                                "host",
                                                "x.y-z",
                                                "=",
                                                "==",
                                                "!=",
                                                "<>",
                                                "<",
                                                "<=",
                                                ">",
                                                ">=",
                                                "~",
                                                "!~",
                                                "(",
                                                ")",
                                                ",",
                                                "-",
                                                "&&",
                                                "||",
                                                "!",
                                                "and",
                                                "or",
                                                "not",
                                                "in",
                                                "between",
                                                "like",
                                                "has",
                                                "is",
                                                "null",
                                                "rejected",
                                                "accepted",
                                                "private",
                                                "public",
                                                "multicast",
                                                "internal",
                                                "@bad",
                                                "443",
                                                "0",
                                                "1.5k",
                                                "5m",
                                                "1.5",
                                                "-1h",
                                                "99999999999999999999",
                                                "1Ti",
                                                "10.0.0.1",
                                                "10.0.0.0/8",
                                                "10.0.0.1/8",
                                                "::1",
                                                "fc00::/7",
                                                "::ffff:1.2.3.4",
                                                "tcp",
                                                "SYN",
                                                "SYN-ACK",
                                                "ACCEPT",
                                                "ok",
                                                "'2024-01-01'",
                                                "'2024-02-30T25:00'",
                                                "'x'",
                                                "'it''s'",
                                                "\"q\"",
                                                "'a(b'",
                                                "'%'",
                                                "'",
                                                "\"",
                                                "2024-01-01",
                                                "bin",
                                                "prefix",
                                                "scope",
                                                "count",
                                                "sum",
                                                "distinct",
                                                "n6",
                                                "quantile",
                                                "approx_distinct",
                                                "first",
                                                "connections",
                                                "0.5",
                                                "direction",
                                                "own",
                                                "server_port",
                                                "_line",
                                                "_owner",
                                                "flows",
                                                "mean_bytes",
                                                "@nets",
                                                "@./a~b",
                                                "@",
                                                "*",
                                                ";",
                                                "\xE2\x80\x9C",
                                                "\xFF",
                                                "\n",
                                                "\t",
                                                "&",
                                                "|"};
  const std::map<std::string, std::vector<std::string>> sets = {
      {"nets", {"10.0.0.0/8", "internal"}}, {"bad", {"443", "tcp", "x", "'", "-1h", "\xFF"}}, {"./a~b", {}}};
  const LanguageContext context = {.now_seconds = kNow, .sets = &sets, .internal = {}};
  const std::vector<OutputColumn> outputs =
      OutputColumns({ParseKey("srcaddr").value(), ParseKey("action").value(), ParseKey("start").value(),
                     ParseKey("dstport").value(), ParseKey("protocol").value(), ParseKey("host").value()},
                    {ParseAggregate("flows=count()").value(), ParseAggregate("mean(bytes)").value(),
                     ParseAggregate("duration=sum(duration)").value()});
  std::mt19937 random(11);
  int parsed = 0;
  int parsed_having = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) {
      text += tokens[random() % tokens.size()];
      if (random() % 8 != 0) text += ' ';
    }
    const ExactText exact(text);
    const absl::StatusOr<Expression> e = ParseFilter(exact.view(), context);
    parsed += e.ok() ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(CheckError(e.status(), text));
    ASSERT_NO_FATAL_FAILURE(CheckError(ParseKey(exact.view()).status(), text));
    ASSERT_NO_FATAL_FAILURE(CheckError(ParseAggregate(exact.view()).status(), text));
    const absl::Status having = ParseHaving(exact.view(), outputs, context).status();
    parsed_having += having.ok() ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(CheckError(having, text));
    const absl::Status open = ParseHaving(exact.view(), outputs, context, /*complete=*/false).status();
    ASSERT_NO_FATAL_FAILURE(CheckError(open, text));
    ASSERT_TRUE(open.ok() || !having.ok()) << text;
    SplitList(exact.view());
  }
  EXPECT_GT(parsed, 20);
  EXPECT_GT(parsed_having, 5);
}

TEST(RandomExpressionTest, NoChangedByteCrashes) {
  const std::string_view texts[] = {
      "srcaddr in (10.0.0.0/8, fc00::/7, private) and not (dstport between 1 and 1.5k or tcp-flags has SYN, 'FIN|ACK')",
      "start >= '2024-01-31T23:59:59.5+02:00' and end < -1.5h and vpc-id ~ '^vpc-[0-9a-f]+$' and action != reject",
      "t=prefix(srcaddr, 16, n6=48)",
      "flows = distinct(dstport)",
      "t=bin(start, 5m)",
      "p=quantile(bytes, 0.95)",
      "connections()",
      "peer in (@a, internal, 'private') and _line < 5 or direction = ingress"};
  std::mt19937 random(13);
  for (int i = 0; i < 30000; ++i) {
    std::string text(texts[random() % std::size(texts)]);
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, text[random() % text.size()]);
          break;
      }
    }
    const ExactText exact(text);
    ASSERT_NO_FATAL_FAILURE(CheckError(ParseFilter(exact.view(), {}).status(), text));
    ASSERT_NO_FATAL_FAILURE(CheckError(ParseKey(exact.view()).status(), text));
    ASSERT_NO_FATAL_FAILURE(CheckError(ParseAggregate(exact.view()).status(), text));
    ASSERT_NO_FATAL_FAILURE(CheckError(ParseHaving(exact.view(), {}, {}, /*complete=*/false).status(), text));
  }
}

}  // namespace
}  // namespace flowlogs
