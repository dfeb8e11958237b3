// Plans: keys (CONTRACT L8), order (L10), names (L11), columns (L12), what is wrong and when it is said.
#include "flowlogs/query/query.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/golden_case.h"
#include "tests/query/query_testing.h"
#include "tests/reference_splitter.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

// The groups of one key, with their counts: "443:2 -:1".
std::string Groups(std::string_view text, std::string key) {
  const absl::StatusOr<fl::Table> table = ScanText(text).GroupBy({{"key", std::move(key)}}).Collect();
  if (!table.ok()) return Message(table.status());
  std::string out;
  for (size_t row = 0; row < table->num_rows(); ++row) {
    const fl::Column& column = table->columns()[0];
    out += (row == 0 ? "" : " ") + (column.is_null(row) ? "-" : column.ToText(row)) + ":" + *table->Text(row, "count");
  }
  return out;
}

// ---- Keys -----------------------------------------------------------------------------------------------------------

TEST(KeyTest, AFieldIsAKey) {  // CONTRACT L8
  EXPECT_EQ(Groups("dstport\n443\n22\n0443\n-\nx\n443\n", "dstport"), "22:1 443:3 -:2");
  EXPECT_EQ(Groups("srcaddr\n10.0.0.10\n::1\n10.0.0.9\n::ffff:10.0.0.9\n", "srcaddr"), "10.0.0.9:2 10.0.0.10:1 ::1:1");
  EXPECT_EQ(Groups("account-id\n0123\n123\nb\nB\n", "account-id"), "0123:1 123:1 B:1 b:1");
  EXPECT_EQ(Groups("instance-tag\na%2Db\na-b\n%2D\n-\n", "instance-tag"), "-:1 a-b:2 -:1") << "the text - and null";
}

TEST(KeyTest, BinsAreAlignedToUtcAndNamedByTheirStart) {
  constexpr char kStarts[] = "start\n1700000000\n1700000099\n1700000100\n1700000399999\n0\n-\n";
  EXPECT_EQ(Groups(kStarts, "bin(start, 5m)"), "0:1 1699999800:2 1700000100:2 -:1");
  EXPECT_EQ(Groups(kStarts, "bin(start, 1h)"), "0:1 1699999200:4 -:1");
  EXPECT_EQ(Groups(kStarts, "bin(start, 1d)"), "0:1 1699920000:4 -:1");
  EXPECT_EQ(Groups(kStarts, "bin(start, 1)"), "0:1 1700000000:1 1700000099:1 1700000100:1 1700000399:1 -:1");
}

TEST(KeyTest, PrefixesAreText) {
  constexpr char kAddresses[] =
      "srcaddr\n10.1.2.3\n10.1.9.9\n10.200.0.1\n2001:db8:1:2:3::1\n2001:db8:1:2:4::1\n::ffff:10.1.0.1\n-\n";
  EXPECT_EQ(Groups(kAddresses, "prefix(srcaddr, 16)"), "10.1.0.0/16:3 10.200.0.0/16:1 2001:db8:1:2::/64:2 -:1");
  EXPECT_EQ(Groups(kAddresses, "prefix(srcaddr, 0, 32)"), "0.0.0.0/0:4 2001:db8::/32:2 -:1");
  EXPECT_EQ(
      Groups(kAddresses, "prefix(srcaddr, 32, n6=128)"),
      "10.1.0.1/32:1 10.1.2.3/32:1 10.1.9.9/32:1 10.200.0.1/32:1 2001:db8:1:2:3::1/128:1 2001:db8:1:2:4::1/128:1 -:1");
}

TEST(KeyTest, PrefixesSortAsText) {  // CONTRACT L8: text; L10: text sorts bytewise
  EXPECT_EQ(Groups("srcaddr\n9.0.0.1\n10.0.0.1\n100.0.0.1\n", "prefix(srcaddr, 8)"),
            "10.0.0.0/8:1 100.0.0.0/8:1 9.0.0.0/8:1");
}

TEST(KeyTest, ServicesAreNamedByPortAndProtocol) {
  constexpr char kPorts[] = "dstport protocol\n443 6\n443 17\n514 6\n514 17\n5567 6\n0 1\n443 -\n- 6\n";
  const std::string groups = Groups(kPorts, "service(dstport)");
  EXPECT_NE(groups.find("https:2"), std::string::npos) << groups;
  EXPECT_NE(groups.find("rsh:1"), std::string::npos) << groups;
  EXPECT_NE(groups.find("syslog:1"), std::string::npos) << groups;
  EXPECT_NE(groups.find("tcp/5567:1"), std::string::npos) << groups;
  EXPECT_NE(groups.find("icmp:1"), std::string::npos) << groups;
  EXPECT_TRUE(groups.ends_with("-:2")) << groups;
}

TEST(KeyTest, ScopesAreWords) {
  EXPECT_EQ(Groups("srcaddr\n10.0.0.1\n8.8.8.8\n224.0.0.1\n0.0.0.0\n::1\n-\n", "scope(srcaddr)"),
            "multicast:1 private:2 public:1 -:2");
}

TEST(KeyTest, AnInterfacesOwnAddressIsInternalUnlessPrefixesSayWhatIs) {  // CONTRACT L4, L8
  constexpr char kText[] =
      "interface-id srcaddr dstaddr\neni-a 10.0.0.1 8.8.8.8\neni-a 8.8.4.4 10.0.0.1\neni-a 10.0.0.1 10.0.0.9\n";
  EXPECT_EQ(Groups(kText, "scope(srcaddr)"), "internal:2 public:1");
  EXPECT_EQ(Groups(kText, "scope(dstaddr)"), "internal:1 private:1 public:1");
  EXPECT_EQ(Values(ScanText(kText).Select({"scope(srcaddr)"})), "internal public internal");
  const fl::Query given = ScanText(kText, {.internal = {"8.8.0.0/16"}});
  EXPECT_EQ(Values(given.Select({"scope(srcaddr)"})), "private internal private");
}

TEST(KeyTest, DurationIsEndMinusStart) {
  EXPECT_EQ(Groups("start end\n100 160\n100 100\n160 100\n- 5\n5 -\n100000000000 100000060999\n", "duration"),
            "-60:1 0:1 60:2 -:2");
}

TEST(KeyTest, TextsThatAreNotUtf8StayApart) {
  EXPECT_EQ(Groups("account-id\n\xff\n\xfe\n\xff\n\\xff\n", "account-id"), "\\xff:1 \xfe:1 \xff:2");
}

TEST(KeyTest, NamesFollowTheText) {  // CONTRACT L8
  const absl::StatusOr<fl::Table> table =
      ScanText("start srcaddr bytes pkt-srcaddr\n")
          .GroupBy({"bin(start, 5m)", {"net", "prefix(srcaddr, 16)"}, "pkt-srcaddr"})
          .Aggregate({"sum(bytes)", "n=count()", "count(bytes)"})
          .Collect();
  ASSERT_TRUE(table.ok()) << table.status();
  std::string names;
  for (const fl::Column& column : table->columns()) names += column.name() + " ";
  EXPECT_EQ(names, "bin_start_5m net pkt_srcaddr sum_bytes n count_bytes ");
}

TEST(KeyTest, ANameTwiceIsAnError) {
  const fl::Query scan = ScanText("srcaddr bytes\n");
  EXPECT_EQ(FirstLine(Rows(scan.GroupBy({"srcaddr"}).Aggregate({{"srcaddr", "count()"}}))),
            "error: two columns of the answer are called 'srcaddr'; name one of them, as in total=sum(bytes)");
  EXPECT_NE(Rows(scan.Select({"bytes", "bytes"})).find("two columns"), std::string::npos);
}

TEST(KeyTest, ManyKeysAtOnce) {
  constexpr char kText[] =
      "srcaddr dstport action\n10.0.0.1 443 ACCEPT\n- 443 ACCEPT\n10.0.0.1 - ACCEPT\n10.0.0.1 443 ACCEPT\n";
  EXPECT_EQ(Rows(ScanText(kText).GroupBy({"action", "srcaddr", "dstport"})),
            "action=ACCEPT srcaddr=10.0.0.1 dstport=443 count=2; action=ACCEPT srcaddr=10.0.0.1 dstport=- count=1; "
            "action=ACCEPT srcaddr=- dstport=443 count=1");
}

// ---- Order ----------------------------------------------------------------------------------------------------------

TEST(OrderTest, WithoutKeysThereIsExactlyOneRow) {  // CONTRACT L10
  for (std::string_view text : {"", "\n", "srcaddr bytes\n", "srcaddr bytes\n10.0.0.1 5\n"}) {
    const absl::StatusOr<fl::Table> table = ScanText(text).Aggregate({"count()", "count(bytes)"}).Collect();
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->num_rows(), 1u);
  }
  EXPECT_EQ(Rows(ScanText("").Aggregate({"count()", "sum(bytes)"})), "count=0 sum_bytes=-");
  EXPECT_EQ(Rows(ScanText("srcaddr bytes\n10.0.0.1 5\n").Filter("bytes > 9").Aggregate({"count()"})), "count=0");
  EXPECT_EQ(Rows(ScanText("").GroupBy({"srcaddr"})), "");
}

constexpr char kScores[] = "account-id packets bytes\nb 1 30\na 2 -\nc 1 10\nd - 20\ne 2 20\n- 3 20\n";

TEST(OrderTest, GroupsAscendByTheirKeysAndNullIsLast) {
  EXPECT_EQ(Values(ScanText(kScores).GroupBy({"account-id"})), "a b c d e -");
  EXPECT_EQ(Values(ScanText(kScores).GroupBy({"packets"})), "1 2 3 -");
}

TEST(OrderTest, NullsAreLastBothWays) {
  const fl::Query groups = ScanText(kScores).GroupBy({"account-id"}).Aggregate({{"total", "sum(bytes)"}});
  EXPECT_EQ(Values(groups.Sort("total")), "c d e - b a");
  EXPECT_EQ(Values(groups.Sort("total", fl::Order::kDescending)), "b d e - c a");
  EXPECT_EQ(Values(groups.Sort("account_id", fl::Order::kDescending)), "e d c b a -");
  EXPECT_EQ(Values(ScanText(kScores).Select({"account-id"}).Sort("account-id", fl::Order::kDescending)), "e d c b a -");
}

TEST(OrderTest, TiesAreInOrderOfKeysOrOfTheInput) {
  const fl::Query groups = ScanText(kScores).GroupBy({"account-id"}).Aggregate({{"total", "count()"}});
  EXPECT_EQ(Values(groups.Sort("total", fl::Order::kDescending)), "a b c d e -");
  const fl::Query rows = ScanText(kScores).Select({"account-id", "bytes"});
  EXPECT_EQ(Values(rows.Sort("bytes")), "c d e - b a");
  EXPECT_EQ(Values(rows.Sort("bytes", fl::Order::kDescending)), "b d e - c a");
}

TEST(OrderTest, TheFirstSortIsTheFirstSortKey) {
  const fl::Query rows = ScanText(kScores).Select({"account-id", "packets", "bytes"});
  EXPECT_EQ(Values(rows.Sort("packets", fl::Order::kDescending).Sort("bytes")), "- e a c b d");
  const fl::Query groups = ScanText(kScores).GroupBy({"packets", "account-id"}).Aggregate({"max(bytes)"});
  EXPECT_EQ(Rows(groups.Sort("packets").Sort("max_bytes").Head(2)),
            "packets=1 account_id=c max_bytes=10; packets=1 account_id=b max_bytes=30");
}

TEST(OrderTest, HeadCutsWhatIsSorted) {
  const fl::Query rows = ScanText(kScores).Select({"account-id", "bytes"}).Sort("bytes", fl::Order::kDescending);
  EXPECT_EQ(Values(rows.Head(2)), "b d");
  EXPECT_EQ(Values(rows.Head(5).Head(1)), "b") << "the least of several";
  EXPECT_EQ(Values(rows.Head(0)), "");
  EXPECT_EQ(Values(rows.Head(100)), "b d e - c a");
}

TEST(OrderTest, RowsLeaveInInputOrder) { EXPECT_EQ(Values(ScanText(kScores).Select({"account-id"})), "b a c d e -"); }

TEST(OrderTest, SortingByWhatTheAnswerLacksIsAnError) {
  EXPECT_EQ(FirstLine(Rows(ScanText(kScores).GroupBy({"packets"}).Sort("bytes"))),
            "error: sort: the answer has no column 'bytes'; it has packets, count");
}

// ---- Names ----------------------------------------------------------------------------------------------------------

TEST(NamesTest, AnUnknownNameIsAnErrorBeforeAnyAnswer) {  // CONTRACT L11
  const fl::Query scan = ScanText("srcaddr vpc-id\n10.0.0.1 vpc-1\n");
  const absl::Status status = scan.GroupBy({"vpcid"}).Collect().status();
  EXPECT_EQ(FirstLine(Message(status)), "error: no field is called 'vpcid'; did you mean vpc-id?");
  EXPECT_EQ(fl::ExpressionColumn(status), 1u);
  EXPECT_EQ(fl::ExpressionColumn(scan.Filter("srcaddr = 10.0.0.1 and nonsense = 'x'").Collect().status()), 24u);
  EXPECT_FALSE(scan.Select({"nonsense"}).Collect().ok());
  EXPECT_FALSE(scan.Aggregate({"count(nonsense)"}).Collect().ok());
  EXPECT_FALSE(scan.Select({"nonsense"}).Stream().ok());
}

TEST(NamesTest, AnUnknownNameIsAnErrorEvenOfOneQueryOfMany) {
  const fl::Query scan = ScanText("srcaddr\n10.0.0.1\n");
  EXPECT_FALSE(fl::CollectAll({scan.GroupBy({"srcaddr"}), scan.GroupBy({"nonsense"})}).ok());
}

TEST(NamesTest, ANameThatIsNoFieldIsAColumnOfItsFormat) {
  constexpr char kOwn[] = "srcaddr my-own dstaddr\n10.0.0.1 x 10.0.0.2\n10.0.0.1 - 10.0.0.2\n";
  EXPECT_EQ(Groups(kOwn, "my-own"), "x:1 -:1");
  EXPECT_EQ(Groups(kOwn, "my_own"), "x:1 -:1");
  EXPECT_EQ(Values(ScanText(kOwn).Filter("my-own = 'x'").Select({"dstaddr"})), "10.0.0.2");
}

TEST(NamesTest, AKnownFieldThatNoInputHasIsAnErrorAtTheEnd) {
  const fl::Query scan = ScanText("srcaddr\n10.0.0.1\n");
  EXPECT_EQ(FirstLine(Rows(scan.GroupBy({"vpc-id"}))), "error: no input has vpc-id");
  EXPECT_EQ(FirstLine(Rows(scan.Filter("bytes > 5"))), "error: no input has bytes");
  EXPECT_EQ(FirstLine(Rows(scan.Select({"vpc_id"}))), "error: no input has vpc-id");
  EXPECT_EQ(FirstLine(Rows(scan.Aggregate({"sum(duration)"}))), "error: no input has start and end");
  EXPECT_EQ(Rows(ScanText("srcaddr\n10.0.0.1\nvpc-id bytes\n").GroupBy({"vpc-id"})), "vpc_id=- count=1")
      << "a later format of the input has it";
  EXPECT_EQ(Rows(fl::Scan({Text("srcaddr\n10.0.0.1\n"), Text("vpc-id\nvpc-1\n")}).GroupBy({"vpc-id"})),
            "vpc_id=vpc-1 count=1; vpc_id=- count=1");
}

TEST(NamesTest, OneOfTheFieldsOfASynonymIsEnough) {
  const fl::Query scan = ScanText("srcaddr bytes\n10.0.0.1 5\n");
  EXPECT_EQ(Values(scan.Filter("addr = 10.0.0.1").Select({"bytes"})), "5");
  EXPECT_EQ(Values(scan.Filter("src in private").Select({"bytes"})), "5");
  EXPECT_EQ(FirstLine(Rows(scan.Filter("port = 5"))), "error: no input has srcport or dstport");
}

TEST(NamesTest, SynonymsAreForFiltersOnly) {  // CONTRACT L3
  EXPECT_FALSE(ScanText("srcaddr\n").GroupBy({"addr"}).status().ok());
  EXPECT_TRUE(ScanText("srcaddr\n").GroupBy({"eni"}).status().ok()) << "one field has one meaning";
}

// ---- Columns --------------------------------------------------------------------------------------------------------

TEST(ColumnsTest, AreThoseOfTheFirstFormatsInOrderOfAppearance) {  // CONTRACT L12
  const fl::Query scan = fl::Scan({Text("bytes pkt-srcaddr\n"), Text("srcaddr bytes my-own\n"), Text("")});
  EXPECT_EQ(*scan.Columns(), (std::vector<std::string>{"bytes", "pkt_srcaddr", "srcaddr", "my_own"}));
  EXPECT_EQ(ScanText("2 1 eni-1 - - - - - - - 1 2 - NODATA\n").Columns()->size(), 14u);
  EXPECT_TRUE(ScanText("").Columns()->empty());
  EXPECT_EQ(*ScanText("", {.format = fl::Format::Parse("srcaddr bytes")}).Columns(),
            (std::vector<std::string>{"srcaddr", "bytes"}));
}

TEST(ColumnsTest, TypesAreThoseOfAwsParquet) {
  const absl::StatusOr<fl::Table> table =
      ScanText("srcaddr dstport bytes start account-id instance-tag tcp-flags my-own\n").Collect();
  ASSERT_TRUE(table.ok());
  std::string types;
  for (const fl::Column& column : table->columns()) types += std::string(column.type_name()) + " ";
  EXPECT_EQ(types, "text int32 int64 int64 text text int32 text ");
}

// ---- Plans ----------------------------------------------------------------------------------------------------------

TEST(QueryTest, AWrongExpressionMakesThePlanWrongAtOnce) {
  const fl::Query scan = ScanText("srcaddr\n10.0.0.1\n");
  const fl::Query wrong = scan.Filter("srcaddr = ");
  EXPECT_FALSE(wrong.status().ok());
  EXPECT_TRUE(fl::ExpressionColumn(wrong.status()).has_value());
  EXPECT_EQ(wrong.GroupBy({"srcaddr"}).Collect().status(), wrong.status());
  EXPECT_EQ(wrong.Check().status(), wrong.status());
  EXPECT_FALSE(wrong.Stream().ok());
  EXPECT_FALSE(wrong.Records().ok());
  EXPECT_FALSE(wrong.Start().ok());
  EXPECT_FALSE(fl::CollectAll({scan, wrong}).ok());
  EXPECT_TRUE(scan.status().ok()) << "the plan that it came from is as it was";
  EXPECT_EQ(Rows(scan), "srcaddr=10.0.0.1");
}

TEST(QueryTest, IsAValueThatMethodsLeaveAlone) {
  const fl::Query scan = ScanText("srcaddr bytes\n10.0.0.1 1\n10.0.0.2 2\n");
  const fl::Query filtered = scan.Filter("bytes = 2"), grouped = scan.GroupBy({}), first = scan.Head(1);
  EXPECT_EQ(Rows(scan), "srcaddr=10.0.0.1 bytes=1; srcaddr=10.0.0.2 bytes=2");
  EXPECT_EQ(Rows(filtered), "srcaddr=10.0.0.2 bytes=2");
  EXPECT_EQ(Rows(grouped), "count=2");
  EXPECT_EQ(Rows(first), "srcaddr=10.0.0.1 bytes=1");
}

TEST(QueryTest, GroupsAndColumnsDoNotGoTogether) {
  EXPECT_FALSE(ScanText("srcaddr\n").Select({"srcaddr"}).GroupBy({"srcaddr"}).Collect().ok());
}

TEST(QueryTest, AStreamHandsOutRowsInInputOrder) {
  const fl::Query scan = ScanText("srcaddr\n10.0.0.1\n");
  EXPECT_FALSE(scan.GroupBy({"srcaddr"}).Stream().ok());
  EXPECT_FALSE(scan.Sort("srcaddr").Stream().ok());
  EXPECT_TRUE(scan.Select({"srcaddr"}).Stream().ok());
}

TEST(QueryTest, RecordsAreFilteredAndCutButNotSelected) {
  const fl::Query scan = ScanText("srcaddr bytes\n10.0.0.1 1\n10.0.0.2  2\r\n10.0.0.3 3\n");
  auto stream = scan.Filter("bytes >= 2").Head(1).Records();
  ASSERT_TRUE(stream.ok());
  const absl::StatusOr<fl::RecordChunk> chunk = (*stream)->Next();
  ASSERT_EQ(chunk->groups.size(), 1u);
  EXPECT_EQ(chunk->groups[0].lines, "10.0.0.2 2\n");
  EXPECT_EQ(chunk->groups[0].original, "10.0.0.2  2\r\n");
  EXPECT_EQ(chunk->groups[0].line_numbers, (std::vector<uint64_t>{3}));
  EXPECT_EQ(chunk->source, "<bytes>");
  EXPECT_TRUE((*stream)->Next()->groups.empty());
  EXPECT_FALSE((*stream)->stats().complete);
}

TEST(QueryTest, WhatCannotBeOpenedFailsBeforeAnythingIsRead) {  // CONTRACT P5
  EXPECT_FALSE(fl::Scan({Text("srcaddr\n"), "/no/such/file.log"}).Collect().ok());
  EXPECT_FALSE(fl::Scan({"/no/such/*.log"}).Check().ok());
  EXPECT_FALSE(fl::Scan({}).Collect().ok());
}

TEST(QueryTest, AnswersTheQuestionOfTheFirstPage) {
  const fl::Query rejected = fl::Scan({FLOWLOGS_TEST_DATA "/data/internet-noise-v2.log"})
                                 .Filter("rejected")
                                 .GroupBy({"dstport"})
                                 .Aggregate({{"flows", "count()"}, {"sources", "distinct(srcaddr)"}})
                                 .Sort("flows", fl::Order::kDescending)
                                 .Head(5);
  const absl::StatusOr<fl::Table> table = rejected.Collect();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->num_rows(), 5u);
  EXPECT_EQ(table->stats().records, 99u);
  // An independent count.
  const std::string text = ReadWholeFile(FLOWLOGS_TEST_DATA "/data/internet-noise-v2.log");
  std::map<std::string, std::pair<int64_t, std::set<std::string>>> ports;
  for (const ReferenceLine& line : ReferenceSplitter::Split(text).lines) {
    if (line.kind != ReferenceLine::Kind::kRecord || line.values[12] != "REJECT") continue;
    auto& [flows, sources] = ports[line.values[6]];
    ++flows;
    sources.insert(line.values[3]);
  }
  for (size_t row = 0; row < 5; ++row) {
    const auto& [flows, sources] = ports.at(*table->Text(row, "dstport"));
    EXPECT_EQ(*table->Int(row, "flows"), flows);
    EXPECT_EQ(*table->Int(row, "sources"), static_cast<int64_t>(sources.size()));
    const auto more = [&, most = flows](const auto& port) { return port.second.first > most; };
    EXPECT_LE(static_cast<size_t>(std::count_if(ports.begin(), ports.end(), more)), row);
  }
}

// ---- Envelopes ------------------------------------------------------------------------------------------------------

TEST(EnvelopeTest, RecordsInJsonBehindLinesWithoutAFormatGiveTheColumns) {  // CONTRACT F2, L12
  const absl::StatusOr<fl::Table> table =
      ScanText("{oops\n{\"srcaddr\":\"10.0.0.1\",\"bytes\":1}\n{\"srcaddr\":\"10.0.0.2\",\"bytes\":2}\n").Collect();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->num_rows(), 2u);
  const absl::StatusOr<fl::Table> lines =
      ScanText("{\"message\":\"a b c\"}\n{\"message\":\"a b c\"}\n{\"srcaddr\":\"10.0.0.1\",\"bytes\":1}\n").Collect();
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(lines->Render(fl::TableFormat::kNdjson), "{\"srcaddr\":\"10.0.0.1\",\"bytes\":1}\n");
  EXPECT_EQ(lines->stats().problem_count(), 2u);
}

}  // namespace
