#include "flowlogs/query/table.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flowlogs {
namespace {

using std::optional;
using Texts = std::vector<optional<std::string>>;

Column TextColumn(std::string name, const Texts& values) {
  Column column(std::move(name), ColumnType::kText);
  for (const auto& value : values) value ? column.AppendText(*value) : column.AppendNull();
  return column;
}

Column IntColumn(std::string name, const std::vector<optional<int64_t>>& values, bool is_time = false) {
  Column column(std::move(name), ColumnType::kInt64, is_time);
  for (const auto& value : values) value ? column.AppendInt(*value) : column.AppendNull();
  return column;
}

Column DoubleColumn(std::string name, const std::vector<optional<double>>& values) {
  Column column(std::move(name), ColumnType::kDouble);
  for (const auto& value : values) value ? column.AppendDouble(*value) : column.AppendNull();
  return column;
}

Column AddressColumn(std::string name, const Texts& values) {
  Column column(std::move(name), ColumnType::kAddress);
  for (const auto& value : values) value ? column.AppendAddress(*IpAddress::Parse(*value)) : column.AppendNull();
  return column;
}

template <typename... Columns>
Table MakeTable(Columns... columns) {
  return Table({std::move(columns)...}, Stats());
}

// One row of each kind of value, and one of nulls. Distinct values, so that swapped columns are seen.
Table Mixed() {
  return MakeTable(AddressColumn("srcaddr", {"10.0.0.62", {}}), IntColumn("start", {1630628288, {}}, true),
                   IntColumn("bytes", {14, {}}), DoubleColumn("mean_bytes", {2.5, {}}),
                   TextColumn("action", {"ACCEPT", {}}));
}

// ---- Column ---------------------------------------------------------------------------------------------------------

TEST(ColumnTest, TypeNamesAreThoseThatProgramsSee) {
  EXPECT_EQ(Column("a", ColumnType::kInt32).type_name(), "int32");
  EXPECT_EQ(Column("a", ColumnType::kInt64).type_name(), "int64");
  EXPECT_EQ(Column("a", ColumnType::kDouble).type_name(), "double");
  EXPECT_EQ(Column("a", ColumnType::kText).type_name(), "text");
  EXPECT_EQ(Column("a", ColumnType::kAddress).type_name(), "text");
}

TEST(ColumnTest, KeepsValuesAndNullsInRowOrder) {
  const Column ints = IntColumn("a", {7, {}, INT64_MIN});
  EXPECT_EQ(ints.size(), 3u);
  EXPECT_EQ(ints.int_value(0), 7);
  EXPECT_TRUE(ints.is_null(1));
  EXPECT_EQ(ints.int_value(1), 0);
  EXPECT_EQ(ints.int_value(2), INT64_MIN);
  const Column texts = TextColumn("b", {"x", {}, "", "yz"});
  EXPECT_EQ(texts.text_value(0), "x");
  EXPECT_EQ(texts.text_value(1), "");
  EXPECT_TRUE(texts.is_null(1));
  EXPECT_EQ(texts.text_value(2), "");
  EXPECT_FALSE(texts.is_null(2));
  EXPECT_EQ(texts.text_value(3), "yz");
  EXPECT_EQ(DoubleColumn("c", {{}, 0.5}).double_value(0), 0);
  EXPECT_EQ(AddressColumn("d", {"::1"}).address_value(0), *IpAddress::Parse("::1"));
}

TEST(ColumnTest, ToTextGivesTheValueOfAnyTypeAndNothingForNull) {
  EXPECT_EQ(IntColumn("a", {-5}).ToText(0), "-5");
  EXPECT_EQ(IntColumn("a", {INT64_MIN}).ToText(0), "-9223372036854775808");
  EXPECT_EQ(IntColumn("start", {1630628288}, true).ToText(0), "1630628288");
  EXPECT_EQ(AddressColumn("a", {"2001:DB8::0:1"}).ToText(0), "2001:db8::1");
  EXPECT_EQ(TextColumn("a", {"\x1B\xFF-"}).ToText(0), "\x1B\xFF-");
  EXPECT_EQ(IntColumn("a", {{}}).ToText(0), "");
  EXPECT_EQ(DoubleColumn("a", {{}}).ToText(0), "");
  EXPECT_EQ(TextColumn("a", {{}}).ToText(0), "");
  EXPECT_EQ(AddressColumn("a", {{}}).ToText(0), "");
}

TEST(ColumnTest, DoublesHaveTheFewestDigitsAndNoExponentWherePeopleReadThem) {
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{
           {0, "0"}, {-0.0, "-0"}, {0.1, "0.1"}, {100000, "100000"}, {-2.5, "-2.5"}, {1.0 / 3, "0.3333333333333333"},
           {123456789.125, "123456789.125"}, {1e15, "1000000000000000"}, {1e16, "1e+16"}, {0.00001, "0.00001"},
           {9e-6, "9e-06"}, {1.7976931348623157e308, "1.7976931348623157e+308"}, {5e-324, "5e-324"}}) {
    EXPECT_EQ(DoubleColumn("a", {value}).ToText(0), text);
  }
  EXPECT_EQ(DoubleColumn("a", {-std::nan("")}).ToText(0), "nan");
  EXPECT_EQ(DoubleColumn("a", {-HUGE_VAL}).ToText(0), "-inf");
}

TEST(ColumnTest, EveryDoubleReadsBackAsItself) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 50'000; ++i) {
    const double value = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 130);
    const std::string text = DoubleColumn("a", {value}).ToText(0);
    ASSERT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
}

TEST(ColumnTest, AppendFromCopiesValuesNullsAndTextsOfTheColumnItself) {
  Column texts = TextColumn("a", {std::string(100, 'x'), {}});
  for (int i = 0; i < 10; ++i) texts.AppendFrom(texts, static_cast<size_t>(i % 2));
  for (size_t row = 0; row < 12; ++row) {
    EXPECT_EQ(texts.is_null(row), row % 2 == 1);
    EXPECT_EQ(texts.text_value(row), row % 2 == 1 ? "" : std::string(100, 'x'));
  }
  Column ints("b", ColumnType::kInt32);
  ints.AppendFrom(IntColumn("c", {{}, 3}), 1);
  EXPECT_EQ(ints.int_value(0), 3);
  Column addresses("d", ColumnType::kAddress);
  addresses.AppendFrom(AddressColumn("e", {"1.2.3.4"}), 0);
  EXPECT_EQ(addresses.ToText(0), "1.2.3.4");
  Column doubles("f", ColumnType::kDouble);
  doubles.AppendFrom(DoubleColumn("g", {0.25}), 0);
  EXPECT_EQ(doubles.double_value(0), 0.25);
}

TEST(ColumnTest, AValueOfAnotherTypeIsAppendedAsNull) {
  const auto values = [](ColumnType type) {
    Column column("a", type);
    column.AppendInt(1);
    column.AppendDouble(2);
    column.AppendText("3");
    column.AppendAddress(IpAddress::V4(4));
    std::string texts;
    for (size_t row = 0; row < column.size(); ++row) texts += (column.is_null(row) ? "null" : column.ToText(row)) + " ";
    return texts;
  };
  EXPECT_EQ(values(ColumnType::kInt32), "1 null null null ");
  EXPECT_EQ(values(ColumnType::kInt64), "1 null null null ");
  EXPECT_EQ(values(ColumnType::kDouble), "null 2 null null ");
  EXPECT_EQ(values(ColumnType::kText), "null null 3 null ");
  EXPECT_EQ(values(ColumnType::kAddress), "null null null 0.0.0.4 ");
}

TEST(ColumnTest, CompareOrdersByValueWithNullsLast) {  // CONTRACT L10
  const auto expect_sorted = [](const Column& column) {
    for (size_t a = 0; a < column.size(); ++a) {
      for (size_t b = 0; b < column.size(); ++b) {
        EXPECT_EQ(column.Compare(a, b), a < b ? -1 : a > b ? 1 : 0) << column.name() << " " << a << " " << b;
      }
    }
  };
  expect_sorted(IntColumn("int", {INT64_MIN, -1, 0, 9, 10, INT64_MAX, {}}));
  expect_sorted(DoubleColumn("double", {-HUGE_VAL, -0.5, 0, 1e-9, HUGE_VAL, std::nan(""), {}}));
  expect_sorted(TextColumn("text", {"", "10", "9", "A", "a", "aa", "b", "\x7F", "\x80", "\xC3\xA9", {}}));
  expect_sorted(AddressColumn("address", {"9.0.0.0", "10.0.0.2", "10.0.0.10", "::", "1::9", "1::10", {}}));
  EXPECT_EQ(IntColumn("a", {{}, {}}).Compare(0, 1), 0);
  EXPECT_EQ(DoubleColumn("a", {std::nan(""), -std::nan("")}).Compare(0, 1), 0);
  EXPECT_EQ(DoubleColumn("a", {0.0, -0.0}).Compare(0, 1), 0);
}

// ---- Table ----------------------------------------------------------------------------------------------------------

TEST(TableTest, ColumnIsFoundByHyphensOrUnderscores) {
  const Table table = MakeTable(IntColumn("tcp_flags", {1}), IntColumn("x-y", {2}), IntColumn("x_y", {3}));
  EXPECT_EQ(table.column("tcp_flags"), &table.columns()[0]);
  EXPECT_EQ(table.column("tcp-flags"), &table.columns()[0]);
  EXPECT_EQ(table.column("x-y"), &table.columns()[1]);
  EXPECT_EQ(table.column("x_y"), &table.columns()[2]);
  for (const char* name : {"", "tcp", "tcp_flags_", "TCP_FLAGS", "tcp flags"}) {
    EXPECT_EQ(table.column(name), nullptr) << name;
  }
}

TEST(TableTest, ValuesAreReadByRowAndName) {
  const Table table = Mixed();
  EXPECT_EQ(table.num_rows(), 2u);
  EXPECT_EQ(table.num_columns(), 5u);
  EXPECT_EQ(table.Int(0, "bytes"), 14);
  EXPECT_EQ(table.Int(0, "start"), 1630628288);
  EXPECT_EQ(table.Double(0, "mean-bytes"), 2.5);
  EXPECT_EQ(table.Text(0, "srcaddr"), "10.0.0.62");
  EXPECT_EQ(table.Text(0, "bytes"), "14");
  EXPECT_EQ(table.Text(0, "mean_bytes"), "2.5");
  EXPECT_EQ(table.Text(0, "action"), "ACCEPT");
}

TEST(TableTest, NullsOtherTypesAndWhatDoesNotExistAreNullopt) {
  const Table table = Mixed();
  for (const Column& column : table.columns()) {
    for (const size_t row : {size_t{1}, size_t{2}, SIZE_MAX}) {
      EXPECT_EQ(table.Int(row, column.name()), std::nullopt);
      EXPECT_EQ(table.Double(row, column.name()), std::nullopt);
      EXPECT_EQ(table.Text(row, column.name()), std::nullopt);
    }
  }
  EXPECT_EQ(table.Int(0, "mean_bytes"), std::nullopt);
  EXPECT_EQ(table.Int(0, "srcaddr"), std::nullopt);
  EXPECT_EQ(table.Int(0, "action"), std::nullopt);
  EXPECT_EQ(table.Double(0, "bytes"), std::nullopt);
  EXPECT_EQ(table.Double(0, "action"), std::nullopt);
  EXPECT_EQ(table.Int(0, "packets"), std::nullopt);
  EXPECT_EQ(table.Double(0, ""), std::nullopt);
  EXPECT_EQ(table.Text(0, "packets"), std::nullopt);
  EXPECT_EQ(Table().Text(0, "bytes"), std::nullopt);
}

TEST(TableTest, CompleteIsThatOfItsStats) {
  Table table = Mixed();
  EXPECT_TRUE(table.complete());
  table.mutable_stats().complete = false;
  EXPECT_FALSE(table.complete());
}

}  // namespace
}  // namespace flowlogs
