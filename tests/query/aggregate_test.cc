// Aggregates and `having` against brute force, over whole scans (CONTRACT L9, L10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"

namespace flowlogs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kHeader = "interface-id srcaddr dstaddr srcport dstport protocol bytes start end action\n";

// The values of one record as they are written; "-" is missing.
struct Row {
  std::string interface_id, srcaddr, dstaddr, srcport, dstport, protocol, bytes, start, end, action;
  std::string line() const {
    std::string text;
    for (const std::string* value :
         {&interface_id, &srcaddr, &dstaddr, &srcport, &dstport, &protocol, &bytes, &start, &end, &action}) {
      text += (text.empty() ? "" : " ") + *value;
    }
    return text + "\n";
  }
};

std::string TextOf(const std::vector<Row>& rows) {
  std::string text(kHeader);
  for (const Row& row : rows) text += row.line();
  return text;
}

// What brute force aggregates: nullopt is missing.
std::optional<int64_t> Number(const std::string& text) {
  if (text == "-") return std::nullopt;
  return std::stoll(text);
}
std::optional<int64_t> Duration(const Row& row) {
  const std::optional<int64_t> start = Number(row.start), end = Number(row.end);
  if (!start || !end) return std::nullopt;
  return *end - *start;
}

class AggregateScanTest : public ::testing::Test {
 protected:
  std::mt19937_64 random_{17};

  template <typename... T>
  std::string Pick(T... values) {
    const std::string all[] = {values...};
    return all[random_() % sizeof...(values)];
  }
  std::vector<Row> RandomRows(size_t count) {
    std::vector<Row> rows(count);
    auto number = [this](uint64_t below) { return std::to_string(random_() % below); };
    for (Row& row : rows) {
      row.interface_id = "eni-" + number(3);
      row.srcaddr =
          Pick("-", "10.0.0." + number(6), "10.0.0." + number(6), "2001:db8::" + number(4), "1.2.3." + number(9));
      row.dstaddr = Pick("10.0.1.1", "10.0.1.2", "fc00::1");
      row.srcport = Pick("-", number(65536));
      row.dstport = Pick("-", "443", "22", number(1000));
      row.protocol = Pick("6", "17");
      row.bytes =
          Pick("-", "0", number(10), number(200), number(100000), number(uint64_t{1} << 40), number(uint64_t{1} << 62));
      row.start = random_() % 8 == 0 ? "-" : std::to_string(1700000000 + random_() % 5);
      row.end = random_() % 8 == 0 ? "-" : std::to_string(1700000000 + random_() % 9);
      row.action = Pick("ACCEPT", "REJECT", "-");
    }
    return rows;
  }

  static Query ScanOf(const std::string& text, int threads = 1, size_t block_bytes = 4096) {
    ScanOptions options;
    options.threads = threads;
    options.block_bytes = block_bytes;
    return Scan({Source::Bytes(text)}, options);
  }
  // The answer as text, or the error.
  static std::string Answer(const absl::StatusOr<Table>& table) {
    return table.ok() ? table->Render(TableFormat::kTsv) : "error: " + std::string(table.status().message());
  }
  // The groups of brute force, by their key in the order of the answer; the null group is last.
  using Groups = std::vector<std::pair<std::string, std::vector<Row>>>;
  static Groups GroupsBy(const std::vector<Row>& rows, std::string Row::*key) {
    std::map<std::pair<bool, std::string>, std::vector<Row>> groups;
    for (const Row& row : rows) groups[{row.*key == "-", row.*key}].push_back(row);
    Groups list;
    for (auto& [k, members] : groups) list.emplace_back(k.second, std::move(members));
    return list;
  }
};

// The value at the rank max(1, ceil(q * n)); q in thousandths.
std::optional<int64_t> ExactQuantile(std::vector<int64_t> values, uint64_t thousandths) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const size_t rank = std::max<size_t>(1, (values.size() * thousandths + 999) / 1000);
  return values[rank - 1];
}

TEST_F(AggregateScanTest, QuantilesAreWithinTheirBounds) {
  for (int trial = 0; trial < 40; ++trial) {
    const std::vector<Row> rows = RandomRows(1 + random_() % 400);
    const std::string text = TextOf(rows);
    const Groups groups = GroupsBy(rows, &Row::action);
    for (const auto& [q, thousandths] : std::vector<std::pair<std::string, uint64_t>>{{"0", 0},
                                                                                      {"0.001", 1},
                                                                                      {"0.07", 70},
                                                                                      {"0.25", 250},
                                                                                      {"0.5", 500},
                                                                                      {"0.95", 950},
                                                                                      {"0.999", 999},
                                                                                      {"1", 1000}}) {
      const absl::StatusOr<Table> table = ScanOf(text, trial % 3 + 1)
                                              .GroupBy({"action"})
                                              .Aggregate({{"b", "quantile(bytes, " + q + ")"},
                                                          {"d", "quantile(duration, " + q + ")"},
                                                          {"s", "quantile(start, " + q + ")"},
                                                          {"p", "quantile(dstport, " + q + ")"}})
                                              .Collect();
      ASSERT_TRUE(table.ok()) << table.status();
      ASSERT_EQ(table->num_rows(), groups.size());
      EXPECT_TRUE(table->column("s")->is_time());
      EXPECT_FALSE(table->column("d")->is_time());
      for (size_t g = 0; g < groups.size(); ++g) {
        const std::vector<Row>& members = groups[g].second;
        auto check = [&](std::string_view column, const std::function<std::optional<int64_t>(const Row&)>& value,
                         int64_t part) {
          std::vector<int64_t> values;
          for (const Row& row : members) {
            if (value(row)) values.push_back(*value(row));
          }
          const std::optional<int64_t> exact = ExactQuantile(values, thousandths);
          const std::optional<int64_t> told = table->Int(g, column);
          ASSERT_EQ(exact.has_value(), told.has_value());
          if (!exact) return;
          const int64_t distance = *told > *exact ? *told - *exact : *exact - *told;
          ASSERT_LE(distance, std::abs(*exact) / part) << column << " " << q << " " << *exact << " " << *told;
          if (thousandths == 0 || thousandths == 1000) ASSERT_EQ(*told, *exact);
        };
        check("b", [](const Row& r) { return Number(r.bytes); }, 128);
        check("d", Duration, 128);
        check("s", [](const Row& r) { return Number(r.start); }, int64_t{1} << 26);
        check("p", [](const Row& r) { return Number(r.dstport); }, 128);
      }
    }
  }
}

TEST_F(AggregateScanTest, AQuantileHasItsRankWithoutRounding) {
  std::string text(kHeader);
  for (int i = 1; i <= 100; ++i) {
    text += Row{"e", "1.1.1.1", "2.2.2.2", "1", "1", "6", std::to_string(i), "1", "1", "ACCEPT"}.line();
  }
  // 0.07 * 100 is above 7 in binary fractions.
  const absl::StatusOr<Table> table =
      ScanOf(text)
          .Aggregate({"quantile(bytes, 0.07)", "quantile(bytes, 0.95)", "quantile(bytes, 0.070000000000000001)",
                      "quantile(bytes, 0.000000000000000001)"})
          .Collect();
  EXPECT_EQ(Answer(table),
            "quantile_bytes_0_07\tquantile_bytes_0_95\tquantile_bytes_0_070000000000000001\t"
            "quantile_bytes_0_000000000000000001\n7\t95\t8\t1\n");
}

// ---- first, last ----------------------------------------------------------------------------------------------------

// As text, the value of the record with the least or greatest (start, end, value).
template <typename T>
std::string Outermost(const std::vector<Row>& rows, bool first,
                      const std::function<std::optional<T>(const Row&)>& value,
                      const std::function<std::string(const T&)>& shown) {
  std::optional<std::tuple<int64_t, int64_t, T>> best;
  for (const Row& row : rows) {
    const std::optional<int64_t> start = Number(row.start), end = Number(row.end);
    const std::optional<T> v = value(row);
    if (!start || !v) continue;
    const int64_t no_end = first ? INT64_MAX : INT64_MIN;
    const std::tuple<int64_t, int64_t, T> place(*start, end.value_or(no_end), *v);
    if (!best || (first ? place < *best : *best < place)) best = place;
  }
  return best ? shown(std::get<2>(*best)) : "";
}

TEST_F(AggregateScanTest, FirstAndLastAreThoseOfBruteForce) {
  const std::function<std::optional<int64_t>(const Row&)> bytes = [](const Row& r) { return Number(r.bytes); };
  const std::function<std::optional<IpAddress>(const Row&)> srcaddr = [](const Row& r) {
    return IpAddress::Parse(r.srcaddr);
  };
  const std::function<std::optional<std::string>(const Row&)> action = [](const Row& r) {
    return r.action == "-" ? std::nullopt : std::optional(r.action);
  };
  const std::function<std::string(const int64_t&)> show_number = [](const int64_t& v) { return std::to_string(v); };
  const std::function<std::string(const IpAddress&)> show_address = [](const IpAddress& v) { return v.ToString(); };
  const std::function<std::string(const std::string&)> show_text = [](const std::string& v) { return v; };
  for (int trial = 0; trial < 150; ++trial) {
    const std::vector<Row> rows = RandomRows(1 + random_() % 150);
    std::string expected = "interface_id\tfb\tlb\tfs\tls\tfa\tla\n";
    for (const auto& [key, members] : GroupsBy(rows, &Row::interface_id)) {
      expected += key;
      for (bool first : {true, false}) expected += "\t" + Outermost(members, first, bytes, show_number);
      for (bool first : {true, false}) expected += "\t" + Outermost(members, first, srcaddr, show_address);
      for (bool first : {true, false}) expected += "\t" + Outermost(members, first, action, show_text);
      expected += "\n";
    }
    const std::string text = TextOf(rows);
    ASSERT_EQ(Answer(ScanOf(text, 1 + trial % 4)
                         .GroupBy({"interface-id"})
                         .Aggregate({{"fb", "first(bytes)"},
                                     {"lb", "last(bytes)"},
                                     {"fs", "first(srcaddr)"},
                                     {"ls", "last(srcaddr)"},
                                     {"fa", "first(action)"},
                                     {"la", "last(action)"}})
                         .Collect()),
              expected)
        << text;
  }
}

TEST_F(AggregateScanTest, FirstNeedsAStartAndKeepsTimes) {
  const std::string no_end = "srcaddr start action\n1.1.1.1 5 ACCEPT\n1.1.1.2 4 REJECT\n1.1.1.2 4 ACCEPT\n";
  EXPECT_EQ(Answer(ScanOf(no_end).Aggregate({"first(action)", "last(action)", "last(start)"}).Collect()),
            "first_action\tlast_action\tlast_start\nACCEPT\tACCEPT\t5\n");
  EXPECT_TRUE(ScanOf(no_end).Aggregate({"last(start)"}).Collect()->columns()[0].is_time());
  const std::string no_start = "srcaddr action\n1.1.1.1 ACCEPT\n";
  EXPECT_THAT(Answer(ScanOf(no_start).Aggregate({"first(action)"}).Collect()), HasSubstr("no input has start"));
}

// ---- Counts ---------------------------------------------------------------------------------------------------------

TEST_F(AggregateScanTest, ApproxDistinctIsExactForFewAndNearForMany) {
  for (int trial = 0; trial < 20; ++trial) {
    const std::vector<Row> rows = RandomRows(300);
    std::string expected = "interface_id\ta\tb\tc\n";
    for (const auto& [key, members] : GroupsBy(rows, &Row::interface_id)) {
      std::set<std::string> addresses, ports, actions;
      for (const Row& row : members) {
        if (row.srcaddr != "-") addresses.insert(row.srcaddr);
        if (row.srcport != "-") ports.insert(row.srcport);
        if (row.action != "-") actions.insert(row.action);
      }
      expected += key + "\t" + std::to_string(addresses.size()) + "\t" + std::to_string(ports.size()) + "\t" +
                  std::to_string(actions.size()) + "\n";
    }
    const std::string text = TextOf(rows);
    for (std::string_view function : {"approx_distinct", "distinct"}) {
      const std::string f(function);
      ASSERT_EQ(Answer(ScanOf(text, 3)
                           .GroupBy({"interface-id"})
                           .Aggregate({{"a", f + "(srcaddr)"}, {"b", f + "(srcport)"}, {"c", f + "(action)"}})
                           .Collect()),
                expected);
    }
  }
  std::string text = "srcaddr dstport\n";
  for (int i = 0; i < 30000; ++i) {
    text += "10." + std::to_string(i / 4 / 256) + "." + std::to_string(i / 4 % 256) + ".1 " +
            std::to_string(i % 20000) + "\n";
  }
  const absl::StatusOr<Table> table =
      ScanOf(text, 4).Aggregate({"approx_distinct(srcaddr)", "approx_distinct(dstport)"}).Collect();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_NEAR(static_cast<double>(*table->Int(0, "approx_distinct_srcaddr")), 7500, 7500 * 0.08);
  EXPECT_NEAR(static_cast<double>(*table->Int(0, "approx_distinct_dstport")), 20000, 20000 * 0.08);
}

TEST_F(AggregateScanTest, ConnectionsCountFiveTuplesWithoutDirection) {
  std::string text(kHeader);
  for (int i = 0; i < 3; ++i) {
    text += Row{"e", "1.1.1.1", "2.2.2.2", "50000", "443", "6", "1", "1", "1", "ACCEPT"}.line();
    text += Row{"e", "2.2.2.2", "1.1.1.1", "443", "50000", "6", "1", "1", "1", "ACCEPT"}.line();
    text += Row{"e", "1.1.1.1", "2.2.2.2", "50001", "443", "6", "1", "1", "1", "REJECT"}.line();
  }
  text += Row{"e", "-", "-", "-", "-", "-", "-", "1", "1", "-"}.line();
  EXPECT_EQ(Answer(ScanOf(text).GroupBy({"action"}).Aggregate({"connections()", "count()"}).Collect()),
            "action\tconnections\tcount\nACCEPT\t1\t6\nREJECT\t1\t3\n\t0\t1\n");
}

TEST_F(AggregateScanTest, OfNothingTheyAreNullOrZero) {
  const std::string text(kHeader);
  EXPECT_EQ(Answer(ScanOf(text)
                       .Aggregate({{"c", "connections()"},
                                   {"a", "approx_distinct(bytes)"},
                                   {"q", "quantile(bytes, 0.5)"},
                                   {"z", "quantile(bytes, 0)"},
                                   {"f", "first(srcaddr)"},
                                   {"l", "last(action)"}})
                       .Collect()),
            "c\ta\tq\tz\tf\tl\n0\t0\t\t\t\t\n");
}

// CONTRACT L9: functions of the multiset of records.
TEST_F(AggregateScanTest, NeitherOrderNorThreadsNorBlocksMatter) {
  for (int trial = 0; trial < 12; ++trial) {
    std::vector<Row> rows = RandomRows(1500);
    std::optional<std::string> expected;
    for (int variant = 0; variant < 6; ++variant) {
      const std::string text = TextOf(rows);
      const int threads = variant % 2 == 0 ? 1 : 2 + variant;
      const size_t block = variant < 3 ? 4096 : 64 << 10;
      const std::string answer =
          Answer(ScanOf(text, threads, block)
                     .GroupBy({"interface-id", "action"})
                     .Aggregate({"approx_distinct(srcport)", "approx_distinct(srcaddr)", "quantile(bytes, 0.3)",
                                 "quantile(duration, 0.9)", "quantile(start, 0.5)", "first(bytes)", "last(srcaddr)",
                                 "last(action)", "connections()"})
                     .Having("quantile_bytes_0_3 >= 0 or connections < 100")
                     .Sort("quantile_bytes_0_3", Order::kDescending)
                     .Collect());
      if (!expected) expected = answer;
      ASSERT_EQ(answer, *expected);
      std::shuffle(rows.begin(), rows.end(), random_);
    }
    EXPECT_GT(expected->size(), 300u);
  }
}

// ---- having ---------------------------------------------------------------------------------------------------------

// A group with the values that a test may name; nullopt is null.
struct Group {
  std::string action;
  bool action_is_null;
  int64_t flows;
  std::optional<int64_t> sum;
  std::optional<double> mean;
  std::optional<IpAddress> top;
};

// 1 true, 0 false, -1 unknown.
struct Condition {
  std::string text;
  std::function<int(const Group&)> value;
};

template <typename T>
int Compared(const std::optional<T>& a, const std::string& operation, const T& b) {
  if (!a) return -1;
  if (operation == "=") return *a == b;
  if (operation == "!=") return *a != b;
  if (operation == "<") return *a < b;
  if (operation == "<=") return *a <= b;
  if (operation == ">") return *a > b;
  return *a >= b;
}

class HavingScanTest : public AggregateScanTest {
 protected:
  Condition RandomCondition(int depth) {
    if (depth > 0 && random_() % 3 != 0) {
      const Condition x = RandomCondition(depth - 1);
      if (random_() % 3 == 0) {
        return {"not (" + x.text + ")", [x](const Group& g) { return x.value(g) < 0 ? -1 : 1 - x.value(g); }};
      }
      const Condition y = RandomCondition(depth - 1);
      if (random_() % 2 == 0) {
        return {"(" + x.text + ") and (" + y.text + ")", [x, y](const Group& g) {
                  const int a = x.value(g), b = y.value(g);
                  return a == 0 || b == 0 ? 0 : std::min(a, b);
                }};
      }
      return {"(" + x.text + ") or (" + y.text + ")", [x, y](const Group& g) {
                const int a = x.value(g), b = y.value(g);
                return a == 1 || b == 1 ? 1 : std::min(a, b);
              }};
    }
    const std::string operation = Pick("=", "!=", "<", "<=", ">", ">=");
    switch (random_() % 7) {
      case 0: {
        const int64_t n = static_cast<int64_t>(random_() % 12);
        return {"flows " + operation + " " + std::to_string(n),
                [=](const Group& g) { return Compared(std::optional(g.flows), operation, n); }};
      }
      case 1: {
        const int64_t n = static_cast<int64_t>(random_() % 40);
        return {"total " + operation + " " + std::to_string(n),
                [=](const Group& g) { return Compared(g.sum, operation, n); }};
      }
      case 2: {
        const int64_t halves = static_cast<int64_t>(random_() % 20);
        return {"m " + operation + " " + std::to_string(halves / 2) + (halves % 2 == 0 ? "" : ".5"),
                [=](const Group& g) { return Compared(g.mean, operation, static_cast<double>(halves) / 2); }};
      }
      case 3: {
        const std::string word = Pick("ACCEPT", "REJECT", "other");
        return {"action " + operation + " '" + word + "'", [=](const Group& g) {
                  const std::optional<std::string> action = g.action_is_null ? std::nullopt : std::optional(g.action);
                  return Compared(action, operation, word);
                }};
      }
      case 4: {
        const bool negated = random_() % 2 == 0;
        return {negated ? "top not in (10.0.0.0/8, ::/0)" : "top in (10.0.0.0/8, ::/0)", [=](const Group& g) {
                  if (!g.top) return -1;
                  return ((g.top->is_v6() || g.top->v4_bits() >> 24 == 10) != negated) ? 1 : 0;
                }};
      }
      case 5: {
        const int64_t low = static_cast<int64_t>(random_() % 30);
        return {"total between " + std::to_string(low) + " and " + std::to_string(low + 15),
                [=](const Group& g) { return !g.sum ? -1 : static_cast<int>(*g.sum >= low && *g.sum <= low + 15); }};
      }
      default: {
        const bool negated = random_() % 2 == 0;
        return {negated ? "m is not null" : "m is null",
                [=](const Group& g) { return static_cast<int>(!g.mean.has_value() != negated); }};
      }
    }
  }
};

// CONTRACT L10, with L2's unknown
TEST_F(HavingScanTest, KeepsTheGroupsForWhichItIsTrue) {
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Row> rows = RandomRows(40);
    for (Row& row : rows) row.bytes = Pick("-", "-", "0", std::to_string(random_() % 20));
    std::map<std::tuple<std::string, bool, std::string>, std::vector<Row>> members;
    for (const Row& row : rows) members[{row.interface_id, row.action == "-", row.action}].push_back(row);
    const Condition condition = RandomCondition(4);
    std::string expected = "interface_id\taction\tflows\ttotal\ttop\n";
    for (const auto& [key, group_rows] : members) {
      Group group{std::get<2>(key), std::get<1>(key), static_cast<int64_t>(group_rows.size()), {}, {}, {}};
      int64_t present = 0;
      for (const Row& row : group_rows) {
        if (const std::optional<int64_t> bytes = Number(row.bytes)) {
          group.sum = group.sum.value_or(0) + *bytes;
          ++present;
        }
        if (const std::optional<IpAddress> source = IpAddress::Parse(row.srcaddr)) {
          group.top = group.top ? std::max(*group.top, *source) : *source;
        }
      }
      if (present > 0) group.mean = static_cast<double>(*group.sum) / static_cast<double>(present);
      if (condition.value(group) != 1) continue;
      expected += std::get<0>(key) + "\t" + (group.action_is_null ? "" : group.action) + "\t" +
                  std::to_string(group.flows) + "\t" + (group.sum ? std::to_string(*group.sum) : "") + "\t" +
                  (group.top ? group.top->ToString() : "") + "\n";
    }
    const std::string text = TextOf(rows);
    absl::StatusOr<Table> table =
        ScanOf(text, 1 + trial % 3)
            .GroupBy({"interface-id", "action"})
            .Aggregate({{"flows", "count()"}, {"total", "sum(bytes)"}, {"top", "max(srcaddr)"}, {"m", "mean(bytes)"}})
            .Having(condition.text)
            .Collect();
    ASSERT_TRUE(table.ok()) << table.status();
    table->mutable_columns().pop_back();  // the mean, whose digits are not this test's
    ASSERT_EQ(Answer(table), expected) << condition.text;
  }
}

TEST_F(HavingScanTest, ComesBeforeSortAndLimitAndSeveralMustBeTrue) {
  std::string text(kHeader);
  for (int i = 1; i <= 9; ++i) {
    text +=
        Row{"e", "1.1.1." + std::to_string(i), "2.2.2.2", "1", "1", "6", std::to_string(i), "1", "1", "ACCEPT"}.line();
  }
  const Query groups = ScanOf(text).GroupBy({"srcaddr"}).Aggregate({{"b", "sum(bytes)"}});
  EXPECT_EQ(Answer(groups.Having("b < 8").Having("b > 2").Sort("b", Order::kDescending).Head(2).Collect()),
            "srcaddr\tb\n1.1.1.7\t7\n1.1.1.6\t6\n");
  EXPECT_EQ(Answer(groups.Having("b > 100").Collect()), "srcaddr\tb\n");
  // Before the columns are known, and without aggregates.
  EXPECT_EQ(Answer(ScanOf(text).Having("b = 3").GroupBy({"srcaddr"}).Aggregate({{"b", "sum(bytes)"}}).Collect()),
            "srcaddr\tb\n1.1.1.3\t3\n");
  EXPECT_EQ(Answer(ScanOf(text).GroupBy({"action"}).Having("count = 9").Collect()), "action\tcount\nACCEPT\t9\n");
  // Without keys the one row may go.
  EXPECT_EQ(Answer(ScanOf(text).Aggregate({"count()"}).Having("count > 9").Collect()), "count\n");
}

TEST_F(HavingScanTest, KeysOfAllKindsCanBeTested) {
  const std::string text(
      std::string(kHeader) +
      Row{"e", "10.0.0.1", "2.2.2.2", "50000", "443", "6", "1", "1700000000", "1700000060", "ACCEPT"}.line() +
      Row{"e", "10.9.0.1", "2.2.2.2", "50000", "22", "6", "1", "1700003600", "1700003660", "ACCEPT"}.line());
  auto count = [&](const char* key, const char* having) {
    return ScanOf(text).GroupBy({{"k", key}}).Having(having).Collect()->num_rows();
  };
  EXPECT_EQ(count("bin(start, 1h)", "k >= '2023-11-14T23:00'"), 1u);
  EXPECT_EQ(count("prefix(srcaddr, 16)", "k = '10.9.0.0/16'"), 1u);
  EXPECT_EQ(count("prefix(srcaddr, 16)", "k like '10.%'"), 2u);
  EXPECT_EQ(count("service(dstport)", "k = https"), 1u);
  EXPECT_EQ(count("scope(srcaddr)", "k != public"), 1u);
  EXPECT_EQ(count("srcaddr", "k in 10.0.0.0/16"), 1u);
  EXPECT_EQ(count("srcaddr", "k ~ '^10[.]9'"), 1u);
  EXPECT_EQ(count("protocol", "k = tcp"), 1u);
  EXPECT_EQ(count("duration", "k = 1m"), 1u);
  EXPECT_EQ(count("_line", "k > 2"), 1u);
}

TEST_F(HavingScanTest, InternalAndSetsMeanWhatTheyMeanInFilters) {
  const std::string text(std::string(kHeader) +
                         Row{"e", "10.0.0.1", "10.9.0.1", "50000", "443", "6", "1", "1", "2", "ACCEPT"}.line() +
                         Row{"e", "10.0.0.1", "10.9.0.2", "50000", "443", "6", "1", "1", "2", "ACCEPT"}.line());
  ScanOptions options;
  options.sets = {{"some", {"10.9.0.2"}}};
  const Query seen = Scan({Source::Bytes(text)}, options).GroupBy({"dstaddr"});
  EXPECT_EQ(seen.Having("dstaddr in @some").Collect()->num_rows(), 1u);
  EXPECT_EQ(seen.Having("dstaddr in internal").Collect()->num_rows(), 0u);
  EXPECT_EQ(
      Scan({Source::Bytes(text)}, options).GroupBy({"srcaddr"}).Having("srcaddr in internal").Collect()->num_rows(),
      1u);
  options.internal = {"10.9.0.0/31"};
  EXPECT_EQ(
      Scan({Source::Bytes(text)}, options).GroupBy({"dstaddr"}).Having("dstaddr in internal").Collect()->num_rows(),
      1u);
}

TEST_F(HavingScanTest, WrongOnesAreErrors) {
  const std::string text(kHeader);
  const Query groups = ScanOf(text).GroupBy({"srcaddr"}).Aggregate({{"b", "sum(bytes)"}});
  EXPECT_THAT(std::string(groups.Having("b > ").status().message()), HasSubstr("expected a value"));
  EXPECT_THAT(std::string(groups.Having("b > x").status().message()), HasSubstr("'x' is no number"));
  EXPECT_TRUE(groups.Having("c > 1").status().ok());
  EXPECT_THAT(Answer(groups.Having("c > 1").Collect()), HasSubstr("the answer has no column 'c'; it has srcaddr, b"));
  EXPECT_THAT(Answer(ScanOf(text).Select({"srcaddr"}).Having("srcaddr is null").Collect()),
              HasSubstr("having filters groups"));
  // A sum beyond int64.
  std::string large(kHeader);
  for (int i = 0; i < 3; ++i) {
    large += Row{"e", "1.1.1.1", "2.2.2.2", "1", "1", "6", "9223372036854775807", "1", "1", "ACCEPT"}.line();
  }
  EXPECT_THAT(Answer(ScanOf(large).GroupBy({"srcaddr"}).Aggregate({{"b", "sum(bytes)"}}).Having("b < 5").Collect()),
              HasSubstr("does not fit into a 64-bit integer (srcaddr=1.1.1.1)"));
}

}  // namespace
}  // namespace flowlogs
