// The one table of all 72 flow log fields: VPC versions 2 to 11 and transit gateway version 6.
//
// Everything that knows a field is derived from FLOWLOGS_FIELDS below: the enum `Field`, `FieldInfo`, the typed getters of
// Record, the columns of a Table, the words of the filter language, the Python module and `flowlogs fields`. To add a
// field is to add a line. Facts: AWS's flow log record documentation of the VPC and transit gateway guides.
//
// Standard library only; everything here is constexpr and may be used from any thread.
#ifndef FLOWLOGS_SCHEMA_FIELD_H_
#define FLOWLOGS_SCHEMA_FIELD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// How the text of a value is read (CONTRACT F6 to F8). The type of its column follows from it: see ColumnTypeName().
enum class ValueType : uint8_t {
  kInt32,    // decimal digits, at most 2^31 - 1
  kInt64,    // decimal digits, at most 2^63 - 1
  kTime,     // Unix seconds; 10^11 and more are milliseconds and are divided by 1000; an int64 column
  kAddress,  // IPv4 or IPv6; a text column, compared and sorted as an address
  kText,     // any other text; leading zeros stay
  kTag,      // percent-encoded UTF-8 (version 11 tags), decoded wherever it is seen
};

// Which flow logs can have the field. A bit set: kVpc | kTransitGateway == kBoth.
enum class Product : uint8_t { kVpc = 1, kTransitGateway = 2, kBoth = 3 };

// The table, in AWS's documented order: the 54 VPC fields, then the 18 that only transit gateways have.
//   X(enumerator, getter, name, since, product, type, unit, values, meaning)
// `since` is the version that brought the field. `unit` is "" where a value has none. `values` lists the words that AWS
// documents for the field, separated by blanks: a closed list, or an open one (it grows with AWS) if it ends in "...".
// Words of integer fields are written word=number.
// clang-format off
#define FLOWLOGS_FIELDS(X) \
  X(kVersion, version, "version", 2, kBoth, kInt32, "", "", "Highest version among the fields of the format; 2 for the default format") \
  X(kAccountId, account_id, "account-id", 2, kBoth, kText, "", "", "Account that owns the source network interface or transit gateway; may be the word unknown") \
  X(kInterfaceId, interface_id, "interface-id", 2, kVpc, kText, "", "", "Network interface for which the traffic is recorded") \
  X(kSrcaddr, srcaddr, "srcaddr", 2, kBoth, kAddress, "IP address", "", "Source address; for outgoing traffic the interface's private address") \
  X(kDstaddr, dstaddr, "dstaddr", 2, kBoth, kAddress, "IP address", "", "Destination address; for incoming traffic the interface's private address") \
  X(kSrcport, srcport, "srcport", 2, kBoth, kInt32, "port", "", "Source port") \
  X(kDstport, dstport, "dstport", 2, kBoth, kInt32, "port", "", "Destination port") \
  X(kProtocol, protocol, "protocol", 2, kBoth, kInt32, "IANA protocol", "hopopt=0 icmp=1 igmp=2 ipip=4 tcp=6 egp=8 udp=17 dccp=33 ipv6=41 rsvp=46 gre=47 esp=50 ah=51 icmpv6=58 eigrp=88 ospf=89 etherip=97 pim=103 vrrp=112 l2tp=115 sctp=132 udplite=136", "IANA protocol number") \
  X(kPackets, packets, "packets", 2, kBoth, kInt64, "packets", "", "Packets of the flow during the aggregation interval") \
  X(kBytes, bytes, "bytes", 2, kBoth, kInt64, "bytes", "", "Bytes of the flow during the aggregation interval") \
  X(kStart, start, "start", 2, kBoth, kTime, "seconds since 1970 UTC", "", "First packet of the interval; may be up to 60 s off") \
  X(kEnd, end, "end", 2, kBoth, kTime, "seconds since 1970 UTC", "", "Last packet of the interval; may be up to 60 s off") \
  X(kAction, action, "action", 2, kVpc, kText, "", "ACCEPT REJECT", "Accepted or rejected; REJECT also for packets that arrive after the connection was closed") \
  X(kLogStatus, log_status, "log-status", 2, kBoth, kText, "", "OK NODATA SKIPDATA", "OK; NODATA: no traffic in the interval; SKIPDATA: records were lost inside AWS") \
  X(kVpcId, vpc_id, "vpc-id", 3, kVpc, kText, "", "", "VPC of the network interface") \
  X(kSubnetId, subnet_id, "subnet-id", 3, kVpc, kText, "", "", "Subnet of the network interface") \
  X(kInstanceId, instance_id, "instance-id", 3, kVpc, kText, "", "", "Instance of the network interface; missing for interfaces that AWS manages") \
  X(kTcpFlags, tcp_flags, "tcp-flags", 3, kBoth, kInt32, "bit mask", "FIN=1 SYN=2 RST=4 PSH=8 ACK=16 SYN-ACK=18 URG=32", "TCP flags, OR-ed over the interval; an ACK alone is 0") \
  X(kType, type, "type", 3, kBoth, kText, "", "IPv4 IPv6 EFA", "Type of traffic") \
  X(kPktSrcaddr, pkt_srcaddr, "pkt-srcaddr", 3, kVpc, kAddress, "IP address", "", "Original source address of the packet, where srcaddr is that of a middle layer") \
  X(kPktDstaddr, pkt_dstaddr, "pkt-dstaddr", 3, kVpc, kAddress, "IP address", "", "Original destination address of the packet, where dstaddr is that of a middle layer") \
  X(kRegion, region, "region", 4, kBoth, kText, "", "", "Region of the network interface or transit gateway") \
  X(kAzId, az_id, "az-id", 4, kVpc, kText, "", "", "Availability Zone ID of the network interface") \
  X(kSublocationType, sublocation_type, "sublocation-type", 4, kVpc, kText, "", "wavelength outpost localzone", "Kind of sublocation; missing outside of one") \
  X(kSublocationId, sublocation_id, "sublocation-id", 4, kVpc, kText, "", "", "ID of the sublocation; missing outside of one") \
  X(kPktSrcAwsService, pkt_src_aws_service, "pkt-src-aws-service", 5, kBoth, kText, "", FLOWLOGS_AWS_SERVICE_WORDS, "AWS service whose address range holds the original source address") \
  X(kPktDstAwsService, pkt_dst_aws_service, "pkt-dst-aws-service", 5, kBoth, kText, "", FLOWLOGS_AWS_SERVICE_WORDS, "AWS service whose address range holds the original destination address") \
  X(kFlowDirection, flow_direction, "flow-direction", 5, kBoth, kText, "", "ingress egress", "Direction as the network interface or transit gateway sees it") \
  X(kTrafficPath, traffic_path, "traffic-path", 5, kVpc, kInt32, "", "", "Path of egress traffic: 1 same VPC, 2 internet gateway or gateway endpoint, 3 virtual private gateway, 4 peering in the region, 5 peering between regions, 6 Local or Wavelength Zone, 7 gateway endpoint, 8 internet gateway") \
  X(kEcsClusterArn, ecs_cluster_arn, "ecs-cluster-arn", 7, kVpc, kText, "", "", "ARN of the ECS cluster") \
  X(kEcsClusterName, ecs_cluster_name, "ecs-cluster-name", 7, kVpc, kText, "", "", "Name of the ECS cluster") \
  X(kEcsContainerInstanceArn, ecs_container_instance_arn, "ecs-container-instance-arn", 7, kVpc, kText, "", "", "ARN of the ECS container instance (EC2 launch type)") \
  X(kEcsContainerInstanceId, ecs_container_instance_id, "ecs-container-instance-id", 7, kVpc, kText, "", "", "ID of the ECS container instance (EC2 launch type)") \
  X(kEcsContainerId, ecs_container_id, "ecs-container-id", 7, kVpc, kText, "", "", "Docker runtime ID of the task's first container") \
  X(kEcsSecondContainerId, ecs_second_container_id, "ecs-second-container-id", 7, kVpc, kText, "", "", "Docker runtime ID of the task's second container") \
  X(kEcsServiceName, ecs_service_name, "ecs-service-name", 7, kVpc, kText, "", "", "ECS service that started the task") \
  X(kEcsTaskDefinitionArn, ecs_task_definition_arn, "ecs-task-definition-arn", 7, kVpc, kText, "", "", "ARN of the ECS task definition") \
  X(kEcsTaskArn, ecs_task_arn, "ecs-task-arn", 7, kVpc, kText, "", "", "ARN of the ECS task") \
  X(kEcsTaskId, ecs_task_id, "ecs-task-id", 7, kVpc, kText, "", "", "ID of the ECS task") \
  X(kRejectReason, reject_reason, "reject-reason", 8, kVpc, kText, "", "BPA EC ...", "Why traffic was rejected: BPA (VPC Block Public Access), EC (encryption controls)") \
  X(kResourceId, resource_id, "resource-id", 9, kVpc, kText, "", "", "ID of the regional NAT gateway") \
  X(kEncryptionStatus, encryption_status, "encryption-status", 10, kVpc, kInt32, "", "", "0 not encrypted, 1 by Nitro, 2 by the application, 3 both") \
  X(kInstanceTag, instance_tag, "instance-tag", 11, kVpc, kTag, "", "", "Value of the first chosen tag of the instance") \
  X(kInstanceTag2, instance_tag_2, "instance-tag-2", 11, kVpc, kTag, "", "", "Value of the second chosen tag of the instance") \
  X(kInterfaceTag, interface_tag, "interface-tag", 11, kVpc, kTag, "", "", "Value of the first chosen tag of the network interface") \
  X(kInterfaceTag2, interface_tag_2, "interface-tag-2", 11, kVpc, kTag, "", "", "Value of the second chosen tag of the network interface") \
  X(kAsgTag, asg_tag, "asg-tag", 11, kVpc, kTag, "", "", "Value of the first chosen tag of the Auto Scaling group") \
  X(kAsgTag2, asg_tag_2, "asg-tag-2", 11, kVpc, kTag, "", "", "Value of the second chosen tag of the Auto Scaling group") \
  X(kInterfaceType, interface_type, "interface-type", 11, kVpc, kText, "", FLOWLOGS_INTERFACE_TYPE_WORDS, "AWS service behind the network interface") \
  X(kNextHopInterfaceId, next_hop_interface_id, "next-hop-interface-id", 11, kVpc, kText, "", "", "Network interface at the next hop: egress, the one that receives; ingress, the one that sends") \
  X(kNextHopSubnetId, next_hop_subnet_id, "next-hop-subnet-id", 11, kVpc, kText, "", "", "Subnet of the interface at the next hop") \
  X(kNextHopAzId, next_hop_az_id, "next-hop-az-id", 11, kVpc, kText, "", "", "Availability Zone ID of the interface at the next hop") \
  X(kNextHopVpcId, next_hop_vpc_id, "next-hop-vpc-id", 11, kVpc, kText, "", "", "VPC of the interface at the next hop") \
  X(kNextHopInterfaceType, next_hop_interface_type, "next-hop-interface-type", 11, kVpc, kText, "", FLOWLOGS_INTERFACE_TYPE_WORDS, "AWS service behind the interface at the next hop") \
  X(kResourceType, resource_type, "resource-type", 6, kTransitGateway, kText, "", "TransitGateway TransitGatewayAttachment", "Type of the resource on which the flow log was created") \
  X(kTgwId, tgw_id, "tgw-id", 6, kTransitGateway, kText, "", "", "Transit gateway") \
  X(kTgwAttachmentId, tgw_attachment_id, "tgw-attachment-id", 6, kTransitGateway, kText, "", "", "Transit gateway attachment") \
  X(kTgwSrcVpcAccountId, tgw_src_vpc_account_id, "tgw-src-vpc-account-id", 6, kTransitGateway, kText, "", "", "Account of the source VPC") \
  X(kTgwDstVpcAccountId, tgw_dst_vpc_account_id, "tgw-dst-vpc-account-id", 6, kTransitGateway, kText, "", "", "Account of the destination VPC") \
  X(kTgwSrcVpcId, tgw_src_vpc_id, "tgw-src-vpc-id", 6, kTransitGateway, kText, "", "", "Source VPC") \
  X(kTgwDstVpcId, tgw_dst_vpc_id, "tgw-dst-vpc-id", 6, kTransitGateway, kText, "", "", "Destination VPC") \
  X(kTgwSrcSubnetId, tgw_src_subnet_id, "tgw-src-subnet-id", 6, kTransitGateway, kText, "", "", "Subnet of the source") \
  X(kTgwDstSubnetId, tgw_dst_subnet_id, "tgw-dst-subnet-id", 6, kTransitGateway, kText, "", "", "Subnet of the destination") \
  X(kTgwSrcEni, tgw_src_eni, "tgw-src-eni", 6, kTransitGateway, kText, "", "", "Network interface of the source attachment") \
  X(kTgwDstEni, tgw_dst_eni, "tgw-dst-eni", 6, kTransitGateway, kText, "", "", "Network interface of the destination attachment") \
  X(kTgwSrcAzId, tgw_src_az_id, "tgw-src-az-id", 6, kTransitGateway, kText, "", "", "Availability Zone ID of the source") \
  X(kTgwDstAzId, tgw_dst_az_id, "tgw-dst-az-id", 6, kTransitGateway, kText, "", "", "Availability Zone ID of the destination") \
  X(kTgwPairAttachmentId, tgw_pair_attachment_id, "tgw-pair-attachment-id", 6, kTransitGateway, kText, "", "", "Attachment at the flow's other end, depending on flow-direction") \
  X(kPacketsLostNoRoute, packets_lost_no_route, "packets-lost-no-route", 6, kTransitGateway, kInt64, "packets", "", "Packets lost because no route was given") \
  X(kPacketsLostBlackhole, packets_lost_blackhole, "packets-lost-blackhole", 6, kTransitGateway, kInt64, "packets", "", "Packets lost to a black hole") \
  X(kPacketsLostMtuExceeded, packets_lost_mtu_exceeded, "packets-lost-mtu-exceeded", 6, kTransitGateway, kInt64, "packets", "", "Packets lost because they exceeded the MTU") \
  X(kPacketsLostTtlExpired, packets_lost_ttl_expired, "packets-lost-ttl-expired", 6, kTransitGateway, kInt64, "packets", "", "Packets lost because their time to live ran out")

#define FLOWLOGS_AWS_SERVICE_WORDS \
  "AMAZON AMAZON_APPFLOW AMAZON_CONNECT API_GATEWAY AURORA_DSQL CHIME_MEETINGS CHIME_VOICECONNECTOR CLOUD9 CLOUDFRONT CLOUDFRONT_ORIGIN_FACING CODEBUILD DYNAMODB EBS EC2 " \
  "EC2_INSTANCE_CONNECT GLOBALACCELERATOR IVS_LOW_LATENCY IVS_REALTIME KINESIS_VIDEO_STREAMS MEDIA_PACKAGE_V2 ROUTE53 ROUTE53_HEALTHCHECKS ROUTE53_HEALTHCHECKS_PUBLISHING " \
  "ROUTE53_RESOLVER S3 WORKSPACES_GATEWAYS ..."
#define FLOWLOGS_INTERFACE_TYPE_WORDS "nat_gateway network_load_balancer regional_nat_gateway transit_gateway vpc_endpoint ..."
// clang-format on

// One of the 72 fields. The value is the field's place in the table.
enum class Field : uint8_t {
#define FLOWLOGS_X(enumerator, ...) enumerator,
  FLOWLOGS_FIELDS(FLOWLOGS_X)
#undef FLOWLOGS_X
};

// What is known of a field. All views are of static storage.
struct FieldInfo {
  Field field;
  std::string_view name;    // AWS's name, with hyphens: "pkt-srcaddr"
  std::string_view column;  // the same with underscores, as in AWS's Parquet: "pkt_srcaddr"
  int since;                // the version that brought it: 2 to 11
  Product product;
  ValueType type;
  std::string_view unit;     // "" if none
  std::string_view values;   // the documented words: see FLOWLOGS_FIELDS
  std::string_view meaning;  // one sentence
};

inline constexpr size_t kFieldCount = 0
#define FLOWLOGS_X(...) +1
    FLOWLOGS_FIELDS(FLOWLOGS_X)
#undef FLOWLOGS_X
    ;

// All fields, in the order of the table.
inline std::span<const FieldInfo, kFieldCount> AllFields();

// Never fails.
inline const FieldInfo& Info(Field field);

// Finds a field by its name, with hyphens or underscores, in lower case as AWS writes it. nullopt if there is none.
inline std::optional<Field> FindField(std::string_view name);

// The type of the field's column: "int32", "int64" or "text", as in AWS's Parquet files.
constexpr std::string_view ColumnTypeName(ValueType type);

// "vpc", "transit-gateway" or "both".
constexpr std::string_view ProductName(Product product);

// A word that AWS documents for a field, and its number for integer fields (-1 for text).
struct FieldWord {
  std::string_view word;
  int64_t number;
};

// Calls f(FieldWord) for each documented word of the field, in the table's order, until f returns true.
// Returns true iff a call did.
template <typename F>
constexpr bool AnyFieldWord(Field field, F&& f);

// True iff AWS's list of words for the field is open, or the field has none: any other text is then a value as well.
constexpr bool HasOpenWords(Field field);

// The documented word for a number: (kProtocol, 6) -> "tcp", (kTcpFlags, 18) -> "SYN-ACK". "" if there is none.
constexpr std::string_view WordOf(Field field, int64_t number);

// TCP flags as people write them: 3 -> "FIN|SYN", 18 -> "SYN|ACK", 0 -> "". Unknown bits are written as one number.
inline std::string TcpFlagsName(int64_t flags);

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

namespace internal {

// Column names are made from the names at compile time: hyphens become underscores.
struct ColumnNames {
  std::array<std::array<char, 32>, kFieldCount> text{};
  constexpr ColumnNames() {
    constexpr std::string_view kNames[] = {
#define FLOWLOGS_X(enumerator, getter, name, ...) name,
        FLOWLOGS_FIELDS(FLOWLOGS_X)
#undef FLOWLOGS_X
    };
    for (size_t i = 0; i < kFieldCount; ++i) {
      for (size_t k = 0; k < kNames[i].size(); ++k) text[i][k] = kNames[i][k] == '-' ? '_' : kNames[i][k];
    }
  }
};
inline constexpr ColumnNames kColumnNames;

inline constexpr FieldInfo kFieldTable[] = {
#define FLOWLOGS_X(enumerator, getter, name, since, product, type, unit, values, meaning)                          \
  {Field::enumerator,                                                                                              \
   name,                                                                                                           \
   std::string_view(kColumnNames.text[static_cast<size_t>(Field::enumerator)].data(), sizeof(name) - 1),           \
   since,                                                                                                          \
   Product::product,                                                                                               \
   ValueType::type,                                                                                                \
   unit,                                                                                                           \
   values,                                                                                                         \
   meaning},
    FLOWLOGS_FIELDS(FLOWLOGS_X)
#undef FLOWLOGS_X
};

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// Open addressing by a hash over length and four characters, filled at compile time; no two names share their slot chain
// for more than a few steps.
struct FieldIndex {
  static constexpr size_t kSlots = 256;
  static constexpr uint8_t kEmpty = 0xFF;
  std::array<uint8_t, kSlots> slot{};
  static constexpr char Fold(char c) { return c == '_' ? '-' : c; }
  static constexpr size_t Hash(std::string_view name) {
    const size_t n = name.size();
    size_t h = n * 31;
    for (char c : {name[0], name[n / 3], name[n / 2], name[n - 1], name[2 * n / 3]}) {
      h = h * 67 + static_cast<unsigned char>(Fold(c));
    }
    return (h ^ (h >> 8)) % kSlots;
  }
  static constexpr bool Equal(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (Fold(a[i]) != Fold(b[i])) return false;
    }
    return true;
  }
  constexpr FieldIndex() {
    for (auto& s : slot) s = kEmpty;
    for (size_t i = 0; i < kFieldCount; ++i) {
      size_t h = Hash(kFieldTable[i].name);
      while (slot[h] != kEmpty) h = (h + 1) % kSlots;
      slot[h] = static_cast<uint8_t>(i);
    }
  }
};
inline constexpr FieldIndex kFieldIndex;

}  // namespace internal

inline std::span<const FieldInfo, kFieldCount> AllFields() { return internal::kFieldTable; }

inline const FieldInfo& Info(Field field) { return internal::kFieldTable[static_cast<size_t>(field)]; }

inline std::optional<Field> FindField(std::string_view name) {
  using internal::FieldIndex;
  if (name.empty() || name.size() > 31) return std::nullopt;
  for (size_t h = FieldIndex::Hash(name);; h = (h + 1) % FieldIndex::kSlots) {
    const uint8_t i = internal::kFieldIndex.slot[h];
    if (i == FieldIndex::kEmpty) return std::nullopt;
    if (FieldIndex::Equal(internal::kFieldTable[i].name, name)) return static_cast<Field>(i);
  }
}

constexpr std::string_view ColumnTypeName(ValueType type) {
  switch (type) {
    case ValueType::kInt32:
      return "int32";
    case ValueType::kInt64:
    case ValueType::kTime:
      return "int64";
    case ValueType::kAddress:
    case ValueType::kText:
    case ValueType::kTag:
      break;
  }
  return "text";
}

constexpr std::string_view ProductName(Product product) {
  return product == Product::kVpc ? "vpc" : product == Product::kTransitGateway ? "transit-gateway" : "both";
}

template <typename F>
constexpr bool AnyFieldWord(Field field, F&& f) {
  std::string_view rest = internal::kFieldTable[static_cast<size_t>(field)].values;
  while (!rest.empty()) {
    const size_t blank = rest.find(' ');
    std::string_view word = rest.substr(0, blank);
    rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
    if (word == "...") continue;
    int64_t number = -1;
    if (const size_t equals = word.find('='); equals != std::string_view::npos) {
      number = 0;
      for (char c : word.substr(equals + 1)) number = number * 10 + (c - '0');
      word = word.substr(0, equals);
    }
    if (f(FieldWord{word, number})) return true;
  }
  return false;
}

constexpr bool HasOpenWords(Field field) {
  const std::string_view values = internal::kFieldTable[static_cast<size_t>(field)].values;
  return values.empty() || values.ends_with("...");
}

constexpr std::string_view WordOf(Field field, int64_t number) {
  std::string_view found;
  AnyFieldWord(field, [&](FieldWord w) {
    if (w.number != number) return false;
    found = w.word;
    return true;
  });
  return found;
}

inline std::string TcpFlagsName(int64_t flags) {
  std::string name;
  auto add = [&](std::string_view part) {
    if (!name.empty()) name += '|';
    name += part;
  };
  int64_t rest = flags;
  for (int64_t bit : {1, 2, 4, 8, 16, 32}) {
    if ((rest & bit) == 0) continue;
    add(WordOf(Field::kTcpFlags, bit));
    rest &= ~bit;
  }
  if (rest != 0) add(std::to_string(rest));
  return name;
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SCHEMA_FIELD_H_
