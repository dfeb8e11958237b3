// The examples of flowlogs/flowlogs.h, word for word (tests/python/test_readme.py compares): they compile and are true.
#include "flowlogs/flowlogs.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace {

namespace fl = flowlogs;

// In the manual an assertion reads as C++ has it.
#undef assert
#define assert(condition) EXPECT_TRUE(condition)

void Fail(const absl::Status& status) { ADD_FAILURE() << status; }

constexpr std::string_view log =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status\n"
    "2 123456789010 eni-1 10.0.0.5 10.0.0.9 40000 443 6 4 400 1600000000 1600000060 ACCEPT OK\n"
    "2 123456789010 eni-1 10.0.0.6 10.0.0.9 40000 443 6 6 600 1600000000 1600000060 ACCEPT OK\n"
    "2 123456789010 eni-1 198.51.100.7 10.0.0.9 40000 22 6 1 40 1600000000 1600000060 REJECT OK\n";

TEST(Manual, FormatsAndVersions) {
  std::string error;
  std::optional<fl::Format> wanted = fl::Format::Parse("${srcaddr} ${dstaddr} ${bytes}", &error);
  assert(wanted && wanted->IndexOf(fl::Field::kBytes) == 2);
  assert(!fl::Format::Parse("${srcaddr} ${srcaddr}", &error));  // fails because a name stands twice: `error` says so
  assert(fl::Format::Default().size() == 14 && fl::Format::All().size() == 54);
}

TEST(Manual, Reading) {
  absl::StatusOr<fl::Table> all = fl::Scan({fl::Source::Bytes(log)}).Aggregate({"count()"}).Collect();
  if (!all.ok()) return Fail(all.status());  // the plan is wrong, or nothing could be read
  assert(all->Int(0, "count") == 3 && all->complete());
  const fl::Stats& stats = all->stats();
  assert(stats.lines == stats.records + stats.headers + stats.blank + stats.problem_count());
}

TEST(Manual, TypedFields) {
  fl::Record r;
  std::string_view line = "2 123456789010 eni-1 10.0.0.5 10.0.0.9 - 443 6 x 840 1600000000 1600000060 ACCEPT OK";
  assert(fl::ParseRecord(line, fl::Format::Default(), &r) == fl::ParseError::kOk);
  assert(r.srcaddr() == fl::IpAddress::Parse("10.0.0.5") && r.bytes() == 840);
  assert(!r.srcport() && r.state(fl::Field::kSrcport) == fl::ValueState::kMissing);
  assert(!r.packets() && r.state(fl::Field::kPackets) == fl::ValueState::kBad && r.raw(fl::Field::kPackets) == "x");
}

TEST(Manual, Filtering) {
  fl::Query logs = fl::Scan({fl::Source::Bytes(log)});
  fl::Query refused = logs.Filter("rejected and dstport in (22, 3389) and srcaddr in public");
  absl::StatusOr<fl::Table> rows = refused.Select({"srcaddr", {"net", "prefix(srcaddr, 16)"}}).Collect();
  assert(rows.ok() && rows->num_rows() == 1 && rows->Text(0, "net") == "198.51.0.0/16");
  assert(!logs.Filter("dstport = 44x").status().ok());  // fails because 44x is no port
}

TEST(Manual, Aggregating) {
  fl::Query logs = fl::Scan({fl::Source::Bytes(log)});
  absl::StatusOr<fl::Table> top = logs.GroupBy({"dstport"})
                                      .Aggregate({{"flows", "count()"}, {"bytes", "sum(bytes)"}})
                                      .Having("flows > 1")
                                      .Sort("bytes", fl::Order::kDescending)
                                      .Head(10)
                                      .Collect();
  assert(top.ok() && top->num_rows() == 1);
  assert(top->Int(0, "dstport") == 443 && top->Int(0, "bytes") == 1000);
  std::string for_people = top->ToText(), for_programs = top->ToJson();
  EXPECT_NE(for_people.find("flows"), std::string::npos);
  EXPECT_EQ(for_programs, "[\n{\"dstport\":443,\"flows\":2,\"bytes\":1000}\n]\n");
}

TEST(Manual, Lifetime) {
  std::optional<std::string_view> eni;
  {
    std::string text = "2 123456789010 eni-1 10.0.0.5 10.0.0.9 1 443 6 1 840 1600000000 1600000060 ACCEPT OK";
    fl::Record r;
    fl::ParseRecord(text, fl::Format::Default(), &r);
    eni = r.interface_id();  // points into `text`: gone with it
    assert(eni == "eni-1");
  }
  eni.reset();
  // fl::ParseRecord(std::string("2 1 ..."), format, &r) does not compile: the record would point into a dead string.
}

}  // namespace
