// Whose address is the interface's own, who began the conversation, which record counts: CONTRACT D1, D2.
#include "lib/query/observations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace flowlogs {
namespace {

IpAddress A(const char* text) { return *IpAddress::Parse(text); }

ObservedRecord Tcp(const char* eni, const char* src, int64_t sport, const char* dst, int64_t dport,
                   int64_t flags = kNullWord, const char* direction = "") {
  return {eni, direction, false, A(src), A(dst), sport, dport, 6, flags};
}

Observations Of(const std::vector<ObservedRecord>& records) {
  Observations seen;
  for (const ObservedRecord& r : records) seen.Observe(r);
  seen.Resolve();
  return seen;
}

TEST(Observations, TheOwnAddressStandsInEveryRecordOfTheInterface) {  // CONTRACT D1
  const std::vector<ObservedRecord> records = {Tcp("eni-1", "10.0.0.5", 40000, "10.0.0.9", 443),
                                               Tcp("eni-1", "10.0.0.7", 443, "10.0.0.5", 41000)};
  const Observations seen = Of(records);
  EXPECT_TRUE(seen.IsOwn(A("10.0.0.5")));
  EXPECT_FALSE(seen.IsOwn(A("10.0.0.9")));
  EXPECT_EQ(seen.Orient(records[0]).own, Side::kSource);
  EXPECT_EQ(seen.Orient(records[1]).own, Side::kDestination);
}

TEST(Observations, OfTwoAddressesThePrivateOneIsTheInterfaces) {
  const ObservedRecord record = Tcp("eni-1", "203.0.113.9", 40000, "10.0.0.5", 22);
  EXPECT_EQ(Of({record}).Orient(record).own, Side::kDestination);
}

TEST(Observations, OfTwoPrivateAddressesTheOneThatIsNoOtherInterfaces) {
  const ObservedRecord unclear = Tcp("eni-2", "10.0.0.5", 40000, "10.0.0.6", 443);
  const Observations seen = Of({Tcp("eni-1", "10.0.0.5", 1, "10.0.0.7", 2), Tcp("eni-1", "10.0.0.5", 1, "10.0.0.8", 2), unclear});
  EXPECT_EQ(seen.Orient(unclear).own, Side::kDestination);
  EXPECT_EQ(Of({unclear}).Orient(unclear).own, Side::kNone);
}

TEST(Observations, OfTwoIpv6AddressesTheOneOfAKnownVpcIsTheInterfaces) {
  const ObservedRecord unclear = Tcp("eni-2", "2600:1f18:1:207::5", 1, "2a09::9", 2);
  const ObservedRecord other_vpc = Tcp("eni-3", "2600:1f18:1:307::5", 1, "2a09::9", 2);
  const Observations seen = Of({Tcp("eni-1", "2600:1f18:1:200::1", 1, "2a09::7", 2), Tcp("eni-1", "2600:1f18:1:200::1", 1, "2a09::8", 2),
                                unclear, other_vpc});
  EXPECT_EQ(seen.Orient(unclear).own, Side::kSource);
  EXPECT_TRUE(seen.IsOwn(A("2600:1f18:1:207::5")));
  EXPECT_EQ(seen.Orient(other_vpc).own, Side::kNone);  // the VPC has 56 bits
}

TEST(Observations, FlowDirectionComesFirst) {
  const ObservedRecord record = Tcp("eni-1", "10.0.0.5", 40000, "203.0.113.9", 443, kNullWord, "ingress");
  EXPECT_EQ(Of({record}).Orient(record).own, Side::kDestination);
}

TEST(Observations, AnInterfaceThatForwardsHasNoAddressOfItsOwn) {
  const ObservedRecord first = Tcp("eni-t", "10.1.0.1", 1, "10.2.0.1", 2);
  const ObservedRecord second = Tcp("eni-t", "10.1.0.2", 1, "10.2.0.2", 2);
  const Observations seen = Of({first, second});
  EXPECT_EQ(seen.Orient(first).own, Side::kNone);
  // It is private against public that tells then.
  EXPECT_EQ(seen.Orient(Tcp("eni-t", "198.51.100.1", 1, "10.2.0.2", 2)).own, Side::kDestination);
}

TEST(Observations, FlagsTellTheClientBeforePorts) {
  const ObservedRecord syn = Tcp("e", "10.0.0.5", 443, "10.0.0.6", 50000, 2);
  EXPECT_EQ(Of({}).Orient(syn).client, Side::kSource);
  EXPECT_EQ(Of({}).Orient(syn).evidence, Evidence::kSyn);
  const ObservedRecord syn_ack = Tcp("e", "10.0.0.5", 50000, "10.0.0.6", 443, 19);
  EXPECT_EQ(Of({}).Orient(syn_ack).client, Side::kDestination);
  EXPECT_EQ(Of({}).Orient(syn_ack).evidence, Evidence::kSynAck);
}

TEST(Observations, OfATransitGatewayTheAckOfDataTellsNothing) {  // SPEC 1.3: its flags are OR-ed with PSH and ACK
  ObservedRecord client = Tcp("", "10.0.0.5", 40000, "10.0.0.6", 443, 27);
  client.is_transit_gateway = true;
  ObservedRecord server = Tcp("", "10.0.0.6", 443, "10.0.0.5", 40000, 27);
  server.is_transit_gateway = true;
  const Observations seen = Of({client, server});
  EXPECT_EQ(seen.Orient(client).client, Side::kSource);
  EXPECT_EQ(seen.Orient(client).evidence, Evidence::kPort);
  EXPECT_EQ(seen.Orient(server).client, Side::kDestination);
  server.tcp_flags = 18;  // nothing but the SYN-ACK
  EXPECT_EQ(seen.Orient(server).evidence, Evidence::kSynAck);
}

TEST(Observations, FlagsOfAnotherRecordTellWhereThePortsWouldBeWrong) {
  const ObservedRecord syn = Tcp("e", "10.0.0.5", 443, "10.0.0.6", 50000, 2);
  const ObservedRecord later = Tcp("e", "10.0.0.5", 443, "10.0.0.6", 50000, 0);
  const ObservedRecord reply = Tcp("e", "10.0.0.6", 50000, "10.0.0.5", 443, 0);
  const Observations seen = Of({later, reply, syn});
  EXPECT_EQ(seen.Orient(later).client, Side::kSource);
  EXPECT_EQ(seen.Orient(reply).client, Side::kDestination);
  EXPECT_EQ(seen.Orient(later).evidence, Evidence::kSyn);
  EXPECT_EQ(Of({}).Orient(later).client, Side::kDestination) << "the ports alone";
}

TEST(Observations, TwoConnectionsOnTheSamePortsTellNothing) {
  const ObservedRecord there = Tcp("e", "10.0.0.5", 50000, "10.0.0.6", 50000, 2);
  const ObservedRecord back = Tcp("e", "10.0.0.6", 50000, "10.0.0.5", 50000, 2);
  const ObservedRecord later = Tcp("e", "10.0.0.6", 50000, "10.0.0.5", 50000, 0);
  EXPECT_EQ(Of({there, back}).Orient(later).evidence, Evidence::kUnknown);
}

TEST(Observations, PortsAreRankedByWhatListensThere) {
  EXPECT_EQ(ServerPortRank(443, 6), 3);
  EXPECT_EQ(ServerPortRank(4200, 6), 2);
  EXPECT_EQ(ServerPortRank(61616, 6), 1) << "a known service among the ephemeral ports";
  EXPECT_EQ(ServerPortRank(45540, 6), 0);
  const Observations none = Of({});
  EXPECT_EQ(none.Orient(Tcp("e", "10.0.0.5", 9997, "10.0.0.6", 42376)).client, Side::kDestination);
  EXPECT_EQ(none.Orient(Tcp("e", "10.0.0.5", 4200, "10.0.0.6", 61616)).client, Side::kDestination);
  EXPECT_EQ(none.Orient(Tcp("e", "10.0.0.5", 123, "10.0.0.6", 123)).evidence, Evidence::kUnknown);
}

TEST(Observations, TheSendersRecordCountsAndElseTheReceivers) {  // CONTRACT D2
  const ObservedRecord sent = Tcp("eni-1", "10.0.0.5", 40000, "10.0.0.9", 443);
  const ObservedRecord received = Tcp("eni-2", "10.0.0.5", 40000, "10.0.0.9", 443);
  const ObservedRecord from_outside = Tcp("eni-2", "203.0.113.1", 40000, "10.0.0.9", 443);
  const std::vector<ObservedRecord> others = {Tcp("eni-1", "10.0.0.7", 1, "10.0.0.5", 2),
                                              Tcp("eni-2", "10.0.0.9", 1, "10.0.0.8", 2)};
  Observations seen = Of({sent, received, from_outside, others[0], others[1]});
  EXPECT_TRUE(seen.IsCounted(sent, seen.Orient(sent)));
  EXPECT_FALSE(seen.IsCounted(received, seen.Orient(received)));
  EXPECT_TRUE(seen.IsCounted(from_outside, seen.Orient(from_outside)));
}

TEST(Observations, AConversationIsTheSameInBothDirections) {
  EXPECT_EQ(ConversationOf(Tcp("a", "10.0.0.5", 40000, "10.0.0.9", 443)),
            ConversationOf(Tcp("b", "10.0.0.9", 443, "10.0.0.5", 40000)));
  EXPECT_NE(ConversationOf(Tcp("a", "10.0.0.5", 40000, "10.0.0.9", 443)),
            ConversationOf(Tcp("a", "10.0.0.5", 443, "10.0.0.9", 40000)));
}

TEST(Observations, DoNotDependOnOrderOrOnHowTheyAreMerged) {
  std::mt19937 random(7);
  auto host = [&] { return "10.0.0." + std::to_string(random() % 9); };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::array<std::string, 3>> texts(30);
    std::vector<ObservedRecord> records;
    for (auto& [eni, src, dst] : texts) {
      eni = "eni-" + std::to_string(random() % 4);
      src = host();
      dst = host();
      const int64_t ports[] = {443, 40000, 50000, 61616};
      const int64_t flags[] = {kNullWord, 0, 2, 18};
      const char* directions[] = {"", "", "ingress", "egress"};
      records.push_back(Tcp(eni.c_str(), src.c_str(), ports[random() % 4], dst.c_str(), ports[random() % 4],
                            flags[random() % 4], directions[random() % 4]));
    }
    const Observations all = Of(records);
    std::vector<ObservedRecord> shuffled = records;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    Observations parts[3];
    for (const ObservedRecord& r : shuffled) parts[random() % 3].Observe(r);
    Observations merged;
    for (const Observations& part : parts) merged.Merge(part);
    merged.Resolve();
    for (const ObservedRecord& r : records) {
      const Orientation a = all.Orient(r);
      const Orientation b = merged.Orient(r);
      EXPECT_EQ(a.own, b.own);
      EXPECT_EQ(a.client, b.client);
      EXPECT_EQ(a.evidence, b.evidence);
      EXPECT_EQ(all.IsCounted(r, a), merged.IsCounted(r, b));
    }
  }
}

}  // namespace
}  // namespace flowlogs
