#include "flowlogs/synth/generator.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "flowlogs/parse/record.h"
#include "flowlogs/schema/address.h"

namespace flowlogs {
namespace {

std::string Generate(GeneratorOptions options) {
  absl::StatusOr<Generator> generator = Generator::Create(std::move(options));
  EXPECT_TRUE(generator.ok()) << generator.status().message();
  std::string all;
  std::string_view block;
  while (generator->Next(&block)) {
    EXPECT_TRUE(block.ends_with('\n'));
    all += block;
  }
  EXPECT_FALSE(generator->Next(&block)) << "the end stays the end";
  return all;
}

// Calls f(record) for each line of a log without a header.
template <typename F>
void ForEachRecord(std::string_view log, const Format& format, F&& f) {
  Record record;
  while (!log.empty()) {
    const size_t end = log.find('\n');
    ASSERT_EQ(ParseRecord(log.substr(0, end), format, &record), ParseError::kOk) << log.substr(0, end);
    f(record);
    log.remove_prefix(end + 1);
  }
}

size_t CountLines(std::string_view text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

TEST(Generator, GivesTheSameBytesForTheSameOptions) {
  for (const char* name : {"default", "all", "tgw"}) {
    const Format format = *GeneratorFormat(name);
    const std::string once = Generate({.records = 5000, .seed = 3, .format = format});
    EXPECT_EQ(once, Generate({.records = 5000, .seed = 3, .format = format}));
    EXPECT_NE(once, Generate({.records = 5000, .seed = 4, .format = format}));
  }
}

// Other machines and compilers must give these bytes too.
TEST(Generator, GivesTheSameBytesOnEveryMachine) {
  auto hash = [](std::string_view text) {
    uint64_t h = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return h;
  };
  EXPECT_EQ(hash(Generate({.records = 10'000, .seed = 1})), 4969442513865004138u);
  EXPECT_EQ(hash(Generate({.records = 10'000, .seed = 1, .format = Format::All()})), 14636219388848974682u);
  EXPECT_EQ(hash(Generate({.records = 10'000, .seed = 1, .format = Format::TransitGateway()})), 5816197624393848305u);
}

TEST(Generator, AFewRecordsAreTheBeginningOfMany) {
  const std::string many = Generate({.records = 3000});
  for (const uint64_t records : {0, 1, 2, 3, 7, 500}) {
    const std::string few = Generate({.records = records});
    EXPECT_EQ(CountLines(few), records + 1);
    EXPECT_TRUE(many.starts_with(few));
  }
}

TEST(Generator, AnotherFormatTellsTheSameStory) {
  const Format other = *Format::Parse("${dstport} ${action} ${end} ${srcaddr} ${x-unknown}");
  const std::string whole = Generate({.records = 2000, .header = false});
  std::vector<std::string> expected;
  ForEachRecord(whole, Format::Default(), [&](const Record& r) {
    std::string line;
    ASSERT_TRUE(other.Write(r, &line));
    expected.push_back(line + "\n");
  });
  std::string joined;
  for (const std::string& line : expected) joined += line;
  EXPECT_EQ(Generate({.records = 2000, .format = other, .header = false}), joined);
}

TEST(Generator, BeginsWithTheHeaderUnlessToldOtherwise) {
  EXPECT_TRUE(Generate({.records = 1}).starts_with(Format::Default().Header() + "\n2 "));
  EXPECT_TRUE(Generate({.records = 1, .header = false}).starts_with("2 "));
  const Format comma = Format::FromHeader("srcaddr,dstaddr,bytes").value();
  EXPECT_TRUE(Generate({.records = 1, .format = comma}).starts_with("srcaddr,dstaddr,bytes\n"));
  EXPECT_TRUE(Generate({.records = 1, .format = Format::Default().WithLeadingTime()}).starts_with("2026-09-01T00:"));
}

TEST(Generator, RefusesWhatItCannotMake) {
  auto message = [](GeneratorOptions options) {
    return std::string(Generator::Create(std::move(options)).status().message());
  };
  EXPECT_EQ(message({.hosts = 0}), "hosts: 0 is not between 1 and 20000");
  EXPECT_EQ(message({.hosts = 20'001}), "hosts: 20001 is not between 1 and 20000");
  EXPECT_EQ(message({.start_seconds = -1}), "start: -1 is not between 0 and 90000000000 seconds since 1970");
  EXPECT_EQ(message({.format = *Format::Parse("action tgw-id")}),
            "format: action is of VPC flow logs and tgw-id of transit gateway flow logs; no flow log has both");
}

TEST(Generator, EveryValueIsOfItsFieldsTypeAndEveryFieldOccurs) {
  std::set<std::string> present;
  std::set<std::string> missing;
  for (const Format& format : {Format::All(), Format::TransitGateway()}) {
    size_t records = 0;
    ForEachRecord(Generate({.records = 20'000, .seed = 11, .format = format, .header = false}), format,
                  [&](const Record& r) {
                    ++records;
                    for (size_t i = 0; i < r.size(); ++i) {
                      const std::string& name = format.columns()[i].name;
                      const ValueState state = r.state(static_cast<int>(i));
                      ASSERT_NE(state, ValueState::kBad) << name << ": " << r.line();
                      (state == ValueState::kPresent ? present : missing).insert(name);
                    }
                  });
    EXPECT_EQ(records, 20'000u);
  }
  std::set<std::string> all;
  for (const FieldInfo& info : AllFields()) all.insert(std::string(info.name));
  EXPECT_EQ(present, all);
  std::set<std::string> never;
  std::set_difference(all.begin(), all.end(), missing.begin(), missing.end(), std::inserter(never, never.end()));
  // What NODATA keeps, and account-id, which is "unknown" where it is not known.
  EXPECT_THAT(never, testing::UnorderedElementsAre("version", "account-id", "start", "end", "log-status",
                                                   "resource-type", "tgw-id", "tgw-attachment-id"));
}

TEST(Generator, DocumentedWordsAreKept) {
  for (const Format& format : {Format::All(), Format::TransitGateway()}) {
    ForEachRecord(Generate({.records = 20'000, .format = format, .header = false}), format, [&](const Record& r) {
      for (size_t i = 0; i < r.size(); ++i) {
        const FormatColumn& column = format.columns()[i];
        if (r.state(static_cast<int>(i)) == ValueState::kMissing || column.type() != ValueType::kText) continue;
        if (Info(*column.field).values.empty()) continue;
        EXPECT_TRUE(AnyFieldWord(*column.field, [&](FieldWord w) { return w.word == r.raw(static_cast<int>(i)); }))
            << column.name << " " << r.raw(static_cast<int>(i));
      }
    });
  }
}

TEST(Generator, FieldsAreMissingWhereAwsLeavesThemOut) {
  ForEachRecord(Generate({.records = 20'000, .format = Format::All(), .header = false}), Format::All(),
                [](const Record& r) {
                  if (r.log_status() != "OK") {
                    EXPECT_FALSE(r.srcaddr() || r.dstport() || r.bytes() || r.packets() || r.action() || r.protocol())
                        << r.line();
                    EXPECT_TRUE(r.account_id() && r.interface_id() && r.start() && r.end()) << r.line();
                    return;
                  }
                  EXPECT_EQ(r.version(), 11);
                  EXPECT_EQ(r.type() == "IPv6", r.srcaddr()->is_v6()) << r.line();
                  EXPECT_EQ(r.srcaddr()->is_v6(), r.dstaddr()->is_v6()) << r.line();
                  EXPECT_LE(*r.start(), *r.end()) << r.line();
                  EXPECT_GE(*r.start(), 1'788'220'800) << r.line();
                  if (r.flow_direction() == "ingress") EXPECT_FALSE(r.traffic_path()) << r.line();
                  if (r.interface_type()) EXPECT_FALSE(r.instance_id()) << r.line();
                  if (r.resource_id()) EXPECT_FALSE(r.interface_id() || r.subnet_id() || r.instance_id()) << r.line();
                  if (r.sublocation_id()) EXPECT_FALSE(r.az_id()) << r.line();
                  if (r.reject_reason()) EXPECT_EQ(r.action(), "REJECT") << r.line();
                  if (r.reject_reason() == "BPA") EXPECT_FALSE(r.bytes()) << r.line();
                  if (r.ecs_task_id()) EXPECT_TRUE(r.ecs_cluster_arn() && !r.instance_id()) << r.line();
                  if (r.protocol() != 6) EXPECT_EQ(r.tcp_flags(), 0) << r.line();
                  if (r.protocol() == 1) EXPECT_EQ(*r.srcport() + *r.dstport(), 0) << r.line();
                  for (const auto& address : {r.pkt_src_aws_service() ? r.pkt_srcaddr() : std::nullopt,
                                              r.pkt_dst_aws_service() ? r.pkt_dstaddr() : std::nullopt}) {
                    if (address) EXPECT_EQ(ScopeOf(*address), AddressScope::kPublic) << r.line();
                  }
                });
}

TEST(Generator, ConversationsHaveBothDirections) {
  for (const Format& format : {Format::All(), Format::TransitGateway()}) {
    // Interface or attachment, the two ends. Accepted TCP of a whole conversation only.
    using Key = std::tuple<std::string, std::string, std::string, int64_t, int64_t>;
    std::set<Key> seen;
    size_t answered = 0;
    size_t begun = 0;
    const std::string log = Generate({.records = 20'000, .format = format, .header = false});
    auto key = [](const Record& r, bool back) {
      const std::string at(r.interface_id().value_or(r.tgw_attachment_id().value_or("-")));
      std::string src(r.raw(Field::kSrcaddr));
      std::string dst(r.raw(Field::kDstaddr));
      int64_t sport = r.srcport().value_or(0);
      int64_t dport = r.dstport().value_or(0);
      if (back) {
        std::swap(src, dst);
        std::swap(sport, dport);
      }
      return Key(at, src, dst, sport, dport);
    };
    ForEachRecord(log, format, [&](const Record& r) { seen.insert(key(r, false)); });
    ForEachRecord(log, format, [&](const Record& r) {
      const int64_t flags = r.tcp_flags().value_or(0);
      if (r.action().value_or("ACCEPT") != "ACCEPT" || (flags & 2) == 0 || r.packets() < 4) return;
      ++begun;
      answered += seen.contains(key(r, true));
    });
    EXPECT_GT(begun, 5000u);
    EXPECT_GE(answered * 1000, begun * 998);  // the last conversation may be cut; packets may be lost
  }
}

TEST(Generator, LooksLikeALogOfAWS) {
  struct Sums {
    size_t records = 0, rejected = 0, nodata = 0, skipdata = 0, v6 = 0;
    std::set<std::string> sources;
    std::set<std::string> tuples;
    std::map<std::string, std::set<int64_t>> ends_of;
  } sums;
  const std::string log = Generate({.records = 200'000, .seed = 2, .header = false});
  ForEachRecord(log, Format::Default(), [&](const Record& r) {
    ++sums.records;
    sums.rejected += r.action() == "REJECT";
    sums.nodata += r.log_status() == "NODATA";
    sums.skipdata += r.log_status() == "SKIPDATA";
    if (!r.srcaddr()) return;
    sums.v6 += r.srcaddr()->is_v6();
    sums.sources.insert(std::string(r.raw(Field::kSrcaddr)));
    std::string tuple;
    for (const Field f : {Field::kSrcaddr, Field::kDstaddr, Field::kSrcport, Field::kDstport, Field::kProtocol}) {
      tuple += std::string(r.raw(f)) + " ";
    }
    sums.tuples.insert(tuple);
    sums.ends_of[tuple].insert(*r.end());
  });
  const double n = static_cast<double>(sums.records);
  EXPECT_NEAR(static_cast<double>(log.size()) / n, 114, 3);
  EXPECT_NEAR(static_cast<double>(sums.rejected) / n, 1.0 / 6, 0.01);
  EXPECT_NEAR(static_cast<double>(sums.nodata + sums.skipdata) / n, 0.002, 0.0002);
  EXPECT_GT(sums.skipdata, 0u);
  EXPECT_NEAR(static_cast<double>(sums.v6) / n, 0.025, 0.01);
  EXPECT_GT(sums.sources.size(), 8000u);
  EXPECT_GT(static_cast<double>(sums.tuples.size()) / n, 0.85);
  const auto longest = std::max_element(sums.ends_of.begin(), sums.ends_of.end(),
                                        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  EXPECT_GT(longest->second.size(), 10u) << "a connection of many intervals";
}

TEST(Generator, EndsAscendButForSeconds) {
  for (const Format& format : {Format::Default(), Format::TransitGateway()}) {
    int64_t latest = 0;
    ForEachRecord(Generate({.records = 50'000, .format = format, .header = false}), format, [&](const Record& r) {
      EXPECT_GE(*r.end(), latest - 15);
      latest = std::max(latest, *r.end());
    });
  }
}

TEST(Generator, WorksForNetworksOfAnySize) {
  for (const uint32_t hosts : {1u, 2u, 3u, 20u, 20'000u}) {
    for (const Format& format : {Format::All(), Format::TransitGateway()}) {
      size_t records = 0;
      ForEachRecord(Generate({.records = 3000, .format = format, .hosts = hosts, .header = false}), format,
                    [&](const Record& r) {
                      ++records;
                      for (size_t i = 0; i < r.size(); ++i)
                        ASSERT_NE(r.state(static_cast<int>(i)), ValueState::kBad) << r.line();
                    });
      EXPECT_EQ(records, 3000u);
    }
  }
}

TEST(GeneratorFormat, KnowsVersionsByName) {
  EXPECT_EQ(*GeneratorFormat("default"), Format::Default());
  EXPECT_EQ(*GeneratorFormat("v2"), Format::Default());
  EXPECT_EQ(*GeneratorFormat("v6"), Format::TransitGateway());
  EXPECT_EQ(*GeneratorFormat("tgw"), Format::TransitGateway());
  EXPECT_EQ(*GeneratorFormat("v11"), Format::All());
  const std::array<std::pair<const char*, size_t>, 7> sizes = {
      {{"v3", 21}, {"v4", 25}, {"v5", 29}, {"v7", 39}, {"v8", 40}, {"v9", 41}, {"v10", 42}}};
  for (const auto& [name, size] : sizes) EXPECT_EQ(GeneratorFormat(name)->size(), size) << name;
  EXPECT_EQ(*GeneratorFormat("${srcaddr} ${bytes}"), *Format::Parse("srcaddr bytes"));
  EXPECT_FALSE(GeneratorFormat("v12").ok());
  EXPECT_FALSE(GeneratorFormat("").ok());
}

}  // namespace
}  // namespace flowlogs
