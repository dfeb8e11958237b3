#include "flowlogs/schema/services.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace flowlogs {
namespace {

// CONTRACT D1
TEST(ServicesTest, NamesThePortsThatPeopleMeet) {
  EXPECT_EQ(ServiceName(22, 6), "ssh");
  EXPECT_EQ(ServiceName(53, 17), "dns");
  EXPECT_EQ(ServiceName(53, 6), "dns");
  EXPECT_EQ(ServiceName(80, 6), "http");
  EXPECT_EQ(ServiceName(123, 17), "ntp");
  EXPECT_EQ(ServiceName(443, 6), "https");
  EXPECT_EQ(ServiceName(443, 17), "https");  // HTTP/3
  EXPECT_EQ(ServiceName(445, 6), "microsoft-ds");
  EXPECT_EQ(ServiceName(500, 17), "isakmp");
  EXPECT_EQ(ServiceName(1194, 17), "openvpn");
  EXPECT_EQ(ServiceName(2049, 6), "nfs");
  EXPECT_EQ(ServiceName(3306, 6), "mysql");
  EXPECT_EQ(ServiceName(3389, 6), "rdp");
  EXPECT_EQ(ServiceName(3868, 132), "diameter");
  EXPECT_EQ(ServiceName(4500, 17), "ipsec-nat-t");
  EXPECT_EQ(ServiceName(5432, 6), "postgresql");
  EXPECT_EQ(ServiceName(5439, 6), "redshift");
  EXPECT_EQ(ServiceName(5985, 6), "winrm");
  EXPECT_EQ(ServiceName(6379, 6), "redis");
  EXPECT_EQ(ServiceName(6443, 6), "kubernetes");
  EXPECT_EQ(ServiceName(8182, 6), "neptune");
  EXPECT_EQ(ServiceName(9092, 6), "kafka");
  EXPECT_EQ(ServiceName(9997, 6), "splunk-s2s");
  EXPECT_EQ(ServiceName(11211, 6), "memcached");
  EXPECT_EQ(ServiceName(27017, 6), "mongodb");
}

TEST(ServicesTest, TransportsOfOnePortCanCarryDifferentServices) {
  EXPECT_EQ(ServiceName(514, 6), "rsh");
  EXPECT_EQ(ServiceName(514, 17), "syslog");
  EXPECT_EQ(ServiceName(123, 6), "");
  EXPECT_EQ(ServiceName(22, 17), "");
}

TEST(ServicesTest, EverythingElseHasNoName) {
  EXPECT_EQ(ServiceName(50123, 6), "");
  EXPECT_EQ(ServiceName(443, 1), "");
  EXPECT_EQ(ServiceName(443, 0), "");
  EXPECT_EQ(ServiceName(443, -1), "");
  EXPECT_EQ(ServiceName(0, 6), "");
  EXPECT_EQ(ServiceName(-1, 6), "");
  EXPECT_EQ(ServiceName(65536 + 443, 6), "");
  EXPECT_EQ(ServiceName(INT64_MAX, 6), "");
  EXPECT_EQ(ServiceName(INT64_MIN, 6), "");
  EXPECT_TRUE(IsKnownService(443, 6));
  EXPECT_FALSE(IsKnownService(50123, 6));
}

TEST(ServicesTest, IsConstexpr) {
  static_assert(ServiceName(443, 6) == "https");
  static_assert(FindService("ssh")->port == 22);
}

TEST(ServicesTest, EveryRowIsFoundByPortAndTransport) {
  for (const Service& service : AllServices()) {
    ASSERT_NE(service.transports, 0) << service.port;
    EXPECT_EQ(ServiceName(service.port, 6) == service.name, (service.transports & Service::kTcp) != 0) << service.port;
    EXPECT_EQ(ServiceName(service.port, 17) == service.name, (service.transports & Service::kUdp) != 0) << service.port;
    EXPECT_EQ(ServiceName(service.port, 132) == service.name, (service.transports & Service::kSctp) != 0)
        << service.port;
  }
  EXPECT_GE(AllServices().size(), 250u);
}

// A name is a bare word of the filter language: service = splunk-s2s.
TEST(ServicesTest, NamesAreDistinctWordsInLowerCase) {
  std::set<std::string> names;
  for (const Service& service : AllServices()) {
    EXPECT_TRUE(names.emplace(service.name).second) << service.name;
    ASSERT_FALSE(service.name.empty());
    EXPECT_TRUE(service.name[0] >= 'a' && service.name[0] <= 'z') << service.name;
    EXPECT_EQ(service.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-."), std::string::npos)
        << service.name;
  }
}

TEST(ServicesTest, ServicesAreFoundByNameInAnyCase) {
  ASSERT_NE(FindService("HTTPS"), nullptr);
  EXPECT_EQ(FindService("HTTPS")->port, 443);
  EXPECT_EQ(FindService("nosuch"), nullptr);
  EXPECT_EQ(FindService(""), nullptr);
}

}  // namespace
}  // namespace flowlogs
