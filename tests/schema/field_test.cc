#include "flowlogs/schema/field.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flowlogs {
namespace {

// What AWS documents, written down a second time: names in order, and what came with which version. Nothing here is
// made from the table under test.
const std::map<int, std::string> kVpcFieldsByVersion = {
    {2, "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
        "log-status"},
    {3, "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr"},
    {4, "region az-id sublocation-type sublocation-id"},
    {5, "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"},
    {7, "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id "
        "ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id"},
    {8, "reject-reason"},
    {9, "resource-id"},
    {10, "encryption-status"},
    {11, "instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 interface-type "
         "next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id next-hop-interface-type"}};
const std::map<int, size_t> kVpcTotals = {{2, 14}, {3, 21}, {4, 25},  {5, 29}, {7, 39},
                                          {8, 40}, {9, 41}, {10, 42}, {11, 54}};

const char kTransitGatewayDefault[] =
    "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id "
    "tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id "
    "tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status "
    "type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags "
    "region flow-direction pkt-src-aws-service pkt-dst-aws-service";

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::string Underscored(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The names of the fields for which `test` holds.
template <typename Test>
std::set<std::string> NamesWhere(Test&& test) {
  std::set<std::string> names;
  for (const FieldInfo& info : AllFields()) {
    if (test(info)) names.emplace(info.name);
  }
  return names;
}

std::set<std::string> Set(const std::string& text) {
  const std::vector<std::string> words = Words(text);
  return {words.begin(), words.end()};
}

std::vector<std::pair<std::string, int64_t>> WordsOf(Field field) {
  std::vector<std::pair<std::string, int64_t>> words;
  AnyFieldWord(field, [&words](FieldWord w) {
    words.emplace_back(w.word, w.number);
    return false;
  });
  return words;
}

// ---- The table ------------------------------------------------------------------------------------------------------

TEST(FieldTest, ThereAre72Fields) {  // CONTRACT F1
  EXPECT_EQ(kFieldCount, 72u);
  EXPECT_EQ(AllFields().size(), 72u);
}

TEST(FieldTest, TheFirst54AreTheVpcFieldsInDocumentedOrderWithTheirVersions) {
  size_t i = 0;
  for (const auto& [version, names] : kVpcFieldsByVersion) {
    for (const std::string& name : Words(names)) {
      EXPECT_EQ(AllFields()[i].name, name);
      EXPECT_EQ(AllFields()[i].since, version) << name;
      ++i;
    }
    EXPECT_EQ(i, kVpcTotals.at(version)) << "version " << version;
  }
  EXPECT_EQ(i, 54u);
}

TEST(FieldTest, TheLast18AreThoseThatOnlyTransitGatewaysHave) {
  const std::vector<std::string> documented = Words(kTransitGatewayDefault);
  ASSERT_EQ(documented.size(), 36u);
  size_t i = 54;
  for (const std::string& name : documented) {
    const std::optional<Field> field = FindField(name);
    ASSERT_TRUE(field) << name;
    if (Info(*field).product == Product::kBoth) continue;
    EXPECT_EQ(Info(*field).product, Product::kTransitGateway) << name;
    EXPECT_EQ(Info(*field).since, 6) << name;
    EXPECT_EQ(AllFields()[i++].name, name);
  }
  EXPECT_EQ(i, 72u);
}

TEST(FieldTest, AFieldIsOfBothProductsIfBothDocumentIt) {
  const std::set<std::string> tgw = Set(kTransitGatewayDefault);
  std::set<std::string> both;
  for (const auto& [version, names] : kVpcFieldsByVersion) {
    for (const std::string& name : Words(names)) {
      if (tgw.contains(name)) both.insert(name);
    }
  }
  EXPECT_EQ(both.size(), 18u);
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return info.product == Product::kBoth; }), both);
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return info.product == Product::kVpc; }).size(), 36u);
  EXPECT_EQ(ProductName(Product::kVpc), "vpc");
  EXPECT_EQ(ProductName(Product::kTransitGateway), "transit-gateway");
  EXPECT_EQ(ProductName(Product::kBoth), "both");
}

TEST(FieldTest, NamesAndColumnsAreUniqueAndColumnsAreTheNamesWithUnderscores) {
  std::set<std::string_view> names;
  std::set<std::string_view> columns;
  for (const FieldInfo& info : AllFields()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(columns.insert(info.column).second) << info.column;
    EXPECT_EQ(info.column, Underscored(std::string(info.name)));
    EXPECT_EQ(info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string_view::npos);
    EXPECT_FALSE(info.meaning.empty()) << info.name;
  }
}

TEST(FieldTest, InfoIsTheEntryOfTheFieldItself) {
  for (size_t i = 0; i < kFieldCount; ++i) {
    EXPECT_EQ(AllFields()[i].field, static_cast<Field>(i));
    EXPECT_EQ(&Info(static_cast<Field>(i)), &AllFields()[i]);
  }
  EXPECT_EQ(Info(Field::kVersion).name, "version");
  EXPECT_EQ(Info(Field::kPktDstaddr).name, "pkt-dstaddr");
  EXPECT_EQ(Info(Field::kNextHopInterfaceType).name, "next-hop-interface-type");
  EXPECT_EQ(Info(Field::kPacketsLostTtlExpired).name, "packets-lost-ttl-expired");
}

// ---- Types ----------------------------------------------------------------------------------------------------------

TEST(FieldTest, TypesAreThoseOfTheParquetFilesAndEveryOtherFieldIsText) {  // CONTRACT L12
  const std::set<std::string> int32 = Set("version srcport dstport protocol tcp-flags traffic-path encryption-status");
  const std::set<std::string> int64 = Set(
      "packets bytes start end packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded "
      "packets-lost-ttl-expired");
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return ColumnTypeName(info.type) == "int32"; }), int32);
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return ColumnTypeName(info.type) == "int64"; }), int64);
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return ColumnTypeName(info.type) == "text"; }).size(), 72u - 7 - 8);
}

TEST(FieldTest, TimesAddressesAndTagsAreMarkedAsSuch) {  // CONTRACT F6, F7, F8
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return info.type == ValueType::kTime; }), Set("start end"));
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return info.type == ValueType::kAddress; }),
            Set("srcaddr dstaddr pkt-srcaddr pkt-dstaddr"));
  EXPECT_EQ(NamesWhere([](const FieldInfo& info) { return info.type == ValueType::kTag; }),
            Set("instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2"));
}

// ---- FindField ------------------------------------------------------------------------------------------------------

TEST(FindFieldTest, FindsEveryFieldByHyphensAndByUnderscores) {  // CONTRACT F1
  for (size_t i = 0; i < kFieldCount; ++i) {
    const std::string name(AllFields()[i].name);
    EXPECT_EQ(FindField(name), static_cast<Field>(i)) << name;
    EXPECT_EQ(FindField(Underscored(name)), static_cast<Field>(i)) << name;
  }
  EXPECT_EQ(FindField("srcaddr"), Field::kSrcaddr);
  EXPECT_EQ(FindField("pkt_src_aws_service"), Field::kPktSrcAwsService);
  EXPECT_EQ(FindField("ecs-container-instance-arn"), Field::kEcsContainerInstanceArn);
}

TEST(FindFieldTest, FindsNothingForWhatIsNoField) {
  for (const char* name : {"", "-", "_", "a", "src", "src-addr", "srcadd", "srcaddrs", "Srcaddr", "SRCADDR", " srcaddr",
                           "srcaddr ", "${srcaddr}", "log status", "logstatus", "log.status", "instance-tag-3", "tgw",
                           "direction", "peer", "2", "10.0.0.1"}) {
    EXPECT_EQ(FindField(name), std::nullopt) << name;
  }
  EXPECT_EQ(FindField(std::string_view()), std::nullopt);
  EXPECT_EQ(FindField(std::string_view("srcaddr\0", 8)), std::nullopt);
  EXPECT_EQ(FindField("\xFF\x80srcaddr"), std::nullopt);
}

TEST(FindFieldTest, FindsNothingForNamesOfAnyLength) {
  for (size_t length = 1; length < 300; ++length) {
    EXPECT_EQ(FindField(std::string(length, 'e')), std::nullopt) << length;
  }
  EXPECT_EQ(FindField(std::string(1 << 20, 'x')), std::nullopt);
  EXPECT_EQ(FindField("srcaddr" + std::string(1000, '\0')), std::nullopt);
}

TEST(FindFieldTest, ANameWithOneLetterChangedAddedOrTakenAwayIsAnotherName) {
  const std::set<std::string> known = NamesWhere([](const FieldInfo&) { return true; });
  for (const std::string& name : known) {
    for (size_t i = 0; i < name.size(); ++i) {
      std::string changed = name;
      changed[i] = changed[i] == 'q' ? 'z' : 'q';
      EXPECT_EQ(FindField(changed), std::nullopt) << changed;
      std::string shorter = name;
      shorter.erase(i, 1);
      EXPECT_EQ(FindField(shorter).has_value(), known.contains(shorter)) << shorter;
      std::string longer = name;
      longer.insert(i, 1, 'q');
      EXPECT_EQ(FindField(longer), std::nullopt) << longer;
    }
  }
}

// ---- Words ----------------------------------------------------------------------------------------------------------

TEST(FieldWordTest, ClosedListsHoldTheDocumentedWords) {
  using Pairs = std::vector<std::pair<std::string, int64_t>>;
  EXPECT_EQ(WordsOf(Field::kAction), (Pairs{{"ACCEPT", -1}, {"REJECT", -1}}));
  EXPECT_EQ(WordsOf(Field::kLogStatus), (Pairs{{"OK", -1}, {"NODATA", -1}, {"SKIPDATA", -1}}));
  EXPECT_EQ(WordsOf(Field::kType), (Pairs{{"IPv4", -1}, {"IPv6", -1}, {"EFA", -1}}));
  EXPECT_EQ(WordsOf(Field::kFlowDirection), (Pairs{{"ingress", -1}, {"egress", -1}}));
  EXPECT_EQ(WordsOf(Field::kSublocationType), (Pairs{{"wavelength", -1}, {"outpost", -1}, {"localzone", -1}}));
  for (const Field field : {Field::kAction, Field::kLogStatus, Field::kType, Field::kFlowDirection}) {
    EXPECT_FALSE(HasOpenWords(field)) << Info(field).name;
  }
}

TEST(FieldWordTest, OpenListsHoldTheDocumentedWordsAndAllowOthers) {
  const auto names = [](Field field) {
    std::set<std::string> words;
    for (const auto& [word, number] : WordsOf(field)) words.insert(word);
    return words;
  };
  const std::set<std::string> services = Set(
      "AMAZON AMAZON_APPFLOW AMAZON_CONNECT API_GATEWAY AURORA_DSQL CHIME_MEETINGS CHIME_VOICECONNECTOR CLOUD9 "
      "CLOUDFRONT CLOUDFRONT_ORIGIN_FACING CODEBUILD DYNAMODB EBS EC2 EC2_INSTANCE_CONNECT GLOBALACCELERATOR "
      "IVS_LOW_LATENCY IVS_REALTIME KINESIS_VIDEO_STREAMS MEDIA_PACKAGE_V2 ROUTE53 ROUTE53_HEALTHCHECKS "
      "ROUTE53_HEALTHCHECKS_PUBLISHING ROUTE53_RESOLVER S3 WORKSPACES_GATEWAYS");
  ASSERT_EQ(services.size(), 26u);
  const std::set<std::string> interfaces =
      Set("nat_gateway network_load_balancer regional_nat_gateway transit_gateway vpc_endpoint");
  EXPECT_EQ(names(Field::kPktSrcAwsService), services);
  EXPECT_EQ(names(Field::kPktDstAwsService), services);
  EXPECT_EQ(names(Field::kInterfaceType), interfaces);
  EXPECT_EQ(names(Field::kNextHopInterfaceType), interfaces);
  EXPECT_EQ(names(Field::kRejectReason), Set("BPA EC"));
  for (const Field field : {Field::kPktSrcAwsService, Field::kPktDstAwsService, Field::kInterfaceType,
                            Field::kNextHopInterfaceType, Field::kRejectReason}) {
    EXPECT_TRUE(HasOpenWords(field)) << Info(field).name;
  }
}

TEST(FieldWordTest, AFieldWithoutWordsIsOpenAndHasNone) {
  for (const Field field : {Field::kSrcaddr, Field::kBytes, Field::kInstanceTag, Field::kVpcId}) {
    EXPECT_TRUE(WordsOf(field).empty()) << Info(field).name;
    EXPECT_TRUE(HasOpenWords(field)) << Info(field).name;
  }
}

TEST(FieldWordTest, AnyFieldWordStopsAtTheFirstThatIsAccepted) {
  int calls = 0;
  EXPECT_TRUE(AnyFieldWord(Field::kLogStatus, [&calls](FieldWord w) {
    ++calls;
    return w.word == "NODATA";
  }));
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(AnyFieldWord(Field::kLogStatus, [](FieldWord w) { return w.word == "nodata"; }));
}

TEST(FieldWordTest, ProtocolNumbersAreThoseOfIana) {
  for (const auto& [number, word] : std::vector<std::pair<int, std::string>>{
           {0, "hopopt"}, {1, "icmp"}, {2, "igmp"}, {6, "tcp"}, {17, "udp"}, {33, "dccp"}, {41, "ipv6"}, {47, "gre"},
           {50, "esp"}, {51, "ah"}, {58, "icmpv6"}, {89, "ospf"}, {103, "pim"}, {112, "vrrp"}, {132, "sctp"},
           {136, "udplite"}, {255, ""}, {-1, ""}}) {
    EXPECT_EQ(WordOf(Field::kProtocol, number), word) << number;
  }
}

TEST(FieldWordTest, WordsAndNumbersOfAFieldAreUnique) {
  for (const FieldInfo& info : AllFields()) {
    std::set<std::string> words;
    std::set<int64_t> numbers;
    const bool integer = ColumnTypeName(info.type) != "text";
    for (const auto& [word, number] : WordsOf(info.field)) {
      EXPECT_TRUE(words.insert(word).second) << info.name << " " << word;
      EXPECT_TRUE(integer ? number >= 0 && numbers.insert(number).second : number == -1) << info.name << " " << word;
    }
  }
}

TEST(TcpFlagsTest, ValuesAreWrittenAsPeopleWriteThem) {
  for (const auto& [flags, name] : std::vector<std::pair<int64_t, std::string>>{
           {0, ""}, {1, "FIN"}, {2, "SYN"}, {3, "FIN|SYN"}, {4, "RST"}, {7, "FIN|SYN|RST"}, {18, "SYN|ACK"},
           {19, "FIN|SYN|ACK"}, {8, "PSH"}, {16, "ACK"}, {32, "URG"}, {63, "FIN|SYN|RST|PSH|ACK|URG"}, {64, "64"},
           {194, "SYN|192"}}) {
    EXPECT_EQ(TcpFlagsName(flags), name) << flags;
  }
  EXPECT_EQ(WordOf(Field::kTcpFlags, 18), "SYN-ACK");
  EXPECT_EQ(WordOf(Field::kTcpFlags, 3), "");
}

}  // namespace
}  // namespace flowlogs
