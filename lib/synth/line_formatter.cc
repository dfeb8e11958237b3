#include "lib/synth/line_formatter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "flowlogs/schema/writer.h"

namespace flowlogs {
inline namespace v1 {
namespace {

// "0000" to "9999".
struct FourDigits {
  std::array<std::array<char, 4>, 10000> text{};
  constexpr FourDigits() {
    for (int i = 0; i < 10000; ++i) {
      text[static_cast<size_t>(i)] = {static_cast<char>('0' + i / 1000), static_cast<char>('0' + i / 100 % 10),
                                      static_cast<char>('0' + i / 10 % 10), static_cast<char>('0' + i % 10)};
    }
  }
};
constexpr FourDigits kFourDigits;

char* PutFour(char* out, uint64_t value) {
  std::memcpy(out, kFourDigits.text[value].data(), 4);
  return out + 4;
}

// At most eight characters are written beyond what counts.
char* PutNumber(char* out, uint64_t value) {
  if (value >= 10000) {
    if (value >= 100'000'000) return std::to_chars(out, out + 20, value).ptr;
    out = PutNumber(out, value / 10000);
    return PutFour(out, value % 10000);
  }
  const char* digits = kFourDigits.text[value].data();
  const int zeros = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
  std::memcpy(out, digits + zeros, static_cast<size_t>(4 - zeros));
  return out + 4 - zeros;
}

// Text of the arena: the padding behind it may be copied too.
char* PutText(char* out, Text text) {
  static_assert(kTextPadding == 32);
  std::memcpy(out, text.data(), 32);
  if (text.size() > 32) std::memcpy(out + 32, text.data() + 32, text.size() - 32);
  return out + text.size();
}

template <size_t N>
char* PutWord(char* out, const char (&word)[N]) {
  std::memcpy(out, word, N - 1);
  return out + N - 1;
}

char* PutMissing(char* out) {
  *out = '-';
  return out + 1;
}

// An interface of another account at the next hop shows its zone, and nothing else.
bool IsOwnHop(const Flow& flow) { return flow.hop != nullptr && flow.hop->account == flow.at->account; }

bool HasValueWithoutData(Field field) {
  switch (field) {
    case Field::kVersion:
    case Field::kAccountId:
    case Field::kInterfaceId:
    case Field::kResourceId:
    case Field::kStart:
    case Field::kEnd:
    case Field::kLogStatus:
    case Field::kResourceType:
    case Field::kTgwId:
    case Field::kTgwAttachmentId:
      return true;
    default:
      return false;
  }
}

}  // namespace

LineFormatter::LineFormatter(const Format& format, const World& world, bool transit)
    : world_(world),
      transit_(transit),
      leading_time_(format.leading_time()),
      separator_(format.separator() == Separator::kComma ? ',' : ' ') {
  for (const FormatColumn& column : format.columns()) {
    columns_.push_back(column.field ? static_cast<uint8_t>(*column.field) : kUnknown);
    if (column.field) version_ = std::max(version_, Info(*column.field).since);
  }
  // Numbers, addresses and words have at most 39 characters.
  max_line_ = (columns_.size() + 1) * (std::max<size_t>(world.arena.longest(), 39) + 1) + kTextPadding;
}

char* LineFormatter::Write(const Flow& flow, char* out) {
  if (leading_time_) {
    const std::string time = IsoTime(flow.start);
    std::memcpy(out, time.data(), time.size());
    out += time.size();
    *out++ = separator_;
  }
  for (const uint8_t column : columns_) {
    const Field field = static_cast<Field>(column);
    if (column == kUnknown || (flow.status != Flow::Status::kOk && !HasValueWithoutData(field))) {
      out = PutMissing(out);
    } else if (transit_) {
      out = WriteTransitValue(field, flow, out);
    } else {
      out = WriteValue(field, flow, out);
    }
    *out++ = separator_;
  }
  out[-1] = '\n';
  return out;
}

char* LineFormatter::WriteStatus(const Flow& flow, char* out) {
  switch (flow.status) {
    case Flow::Status::kOk:
      return PutWord(out, "OK");
    case Flow::Status::kNoData:
      return PutWord(out, "NODATA");
    case Flow::Status::kSkipData:
      return PutWord(out, "SKIPDATA");
  }
  return out;
}

// Times of a log share their first digits: only the last four are made anew.
char* LineFormatter::WriteTime(int64_t seconds, char* out) {
  const int64_t ten_thousands = seconds / 10000;
  if (ten_thousands != times_ten_thousands_) {
    times_ten_thousands_ = ten_thousands;
    times_length_ =
        ten_thousands == 0
            ? 0
            : static_cast<size_t>(PutNumber(times_text_, static_cast<uint64_t>(ten_thousands)) - times_text_);
  }
  if (times_length_ == 0) return PutNumber(out, static_cast<uint64_t>(seconds));
  std::memcpy(out, times_text_, sizeof(times_text_));
  return PutFour(out + times_length_, static_cast<uint64_t>(seconds % 10000));
}

char* LineFormatter::WriteValue(Field field, const Flow& flow, char* out) {
  const Interface& at = *flow.at;
  switch (field) {
    case Field::kVersion:
      return PutNumber(out, static_cast<uint64_t>(version_));
    case Field::kAccountId:
      return PutText(out, at.account);
    case Field::kInterfaceId:
      return PutText(out, at.id);
    case Field::kSrcaddr:
      return PutText(out, flow.src->text);
    case Field::kDstaddr:
      return PutText(out, flow.dst->text);
    case Field::kSrcport:
      return PutNumber(out, flow.srcport);
    case Field::kDstport:
      return PutNumber(out, flow.dstport);
    case Field::kProtocol:
      return PutNumber(out, flow.protocol);
    case Field::kPackets:
      return PutNumber(out, flow.packets);
    case Field::kBytes:
      return flow.bytes == Flow::kNoBytes ? PutMissing(out) : PutNumber(out, flow.bytes);
    case Field::kStart:
      return WriteTime(flow.start, out);
    case Field::kEnd:
      return WriteTime(flow.end, out);
    case Field::kAction:
      return flow.rejected ? PutWord(out, "REJECT") : PutWord(out, "ACCEPT");
    case Field::kLogStatus:
      return WriteStatus(flow, out);
    case Field::kVpcId:
      return PutText(out, at.vpc);
    case Field::kSubnetId:
      return PutText(out, at.subnet);
    case Field::kInstanceId:
      return PutText(out, at.instance);
    case Field::kTcpFlags:
      return PutNumber(out, flow.tcp_flags);
    case Field::kType:
      return flow.src->is_v6 ? PutWord(out, "IPv6") : PutWord(out, "IPv4");
    case Field::kPktSrcaddr:
      return PutText(out, flow.pkt_src->text);
    case Field::kPktDstaddr:
      return PutText(out, flow.pkt_dst->text);
    case Field::kRegion:
      return PutText(out, world_.region);
    case Field::kAzId:
      return PutText(out, at.az);
    case Field::kSublocationType:
      return PutText(out, at.sublocation_type);
    case Field::kSublocationId:
      return PutText(out, at.sublocation_id);
    case Field::kPktSrcAwsService:
      return PutText(out, flow.pkt_src->service);
    case Field::kPktDstAwsService:
      return PutText(out, flow.pkt_dst->service);
    case Field::kFlowDirection:
      return flow.egress ? PutWord(out, "egress") : PutWord(out, "ingress");
    case Field::kTrafficPath:
      return flow.traffic_path == 0 ? PutMissing(out) : PutNumber(out, flow.traffic_path);
    case Field::kEcsClusterArn:
    case Field::kEcsClusterName:
    case Field::kEcsContainerInstanceArn:
    case Field::kEcsContainerInstanceId:
    case Field::kEcsContainerId:
    case Field::kEcsSecondContainerId:
    case Field::kEcsServiceName:
    case Field::kEcsTaskDefinitionArn:
    case Field::kEcsTaskArn:
    case Field::kEcsTaskId:
      return PutText(out, at.ecs[static_cast<size_t>(field) - static_cast<size_t>(Field::kEcsClusterArn)]);
    case Field::kRejectReason:
      return flow.reason == Flow::Reason::kBlockPublicAccess    ? PutWord(out, "BPA")
             : flow.reason == Flow::Reason::kEncryptionControls ? PutWord(out, "EC")
                                                                : PutMissing(out);
    case Field::kResourceId:
      return PutText(out, at.resource);
    case Field::kEncryptionStatus:
      return flow.encryption < 0 ? PutMissing(out) : PutNumber(out, static_cast<uint64_t>(flow.encryption));
    case Field::kInstanceTag:
    case Field::kInstanceTag2:
    case Field::kInterfaceTag:
    case Field::kInterfaceTag2:
    case Field::kAsgTag:
    case Field::kAsgTag2:
      return PutText(out, at.tags[static_cast<size_t>(field) - static_cast<size_t>(Field::kInstanceTag)]);
    case Field::kInterfaceType:
      return PutText(out, at.type);
    case Field::kNextHopInterfaceId:
      return PutText(out, IsOwnHop(flow) ? flow.hop->id : world_.missing);
    case Field::kNextHopSubnetId:
      return PutText(out, IsOwnHop(flow) ? flow.hop->subnet : world_.missing);
    case Field::kNextHopAzId:
      return PutText(out, flow.hop == nullptr ? world_.missing : flow.hop->az);
    case Field::kNextHopVpcId:
      return PutText(out, IsOwnHop(flow) ? flow.hop->vpc : world_.missing);
    case Field::kNextHopInterfaceType:
      return PutText(out, IsOwnHop(flow) ? flow.hop->type : world_.missing);
    default:  // of transit gateways: no format has both
      return PutMissing(out);
  }
}

char* LineFormatter::WriteTransitValue(Field field, const Flow& flow, char* out) {
  const Attachment* from = flow.from;
  const Attachment* to = flow.to;
  // Recorded where it comes in or where it goes out; the other end is the pair.
  const Attachment* at = flow.egress ? to : from;
  const Attachment* pair = flow.egress ? from : to;
  const Text missing = world_.missing;
  switch (field) {
    case Field::kVersion:
      return PutNumber(out, static_cast<uint64_t>(version_));
    case Field::kResourceType:
      return PutText(out, world_.transit_type);
    case Field::kAccountId:
      return PutText(out, world_.transit_account);
    case Field::kTgwId:
      return PutText(out, world_.transit_gateway);
    case Field::kTgwAttachmentId:
      return PutText(out, at->id);
    case Field::kTgwPairAttachmentId:
      return PutText(out, pair == nullptr ? missing : pair->id);
    case Field::kTgwSrcVpcAccountId:
      return PutText(out, from->account);
    case Field::kTgwDstVpcAccountId:
      return PutText(out, to == nullptr ? missing : to->account);
    case Field::kTgwSrcVpcId:
      return PutText(out, from->vpc);
    case Field::kTgwDstVpcId:
      return PutText(out, to == nullptr ? missing : to->vpc);
    case Field::kTgwSrcSubnetId:
      return PutText(out, from->subnet[flow.from_zone]);
    case Field::kTgwDstSubnetId:
      return PutText(out, to == nullptr ? missing : to->subnet[flow.to_zone]);
    case Field::kTgwSrcEni:
      return PutText(out, from->interface[flow.from_zone]);
    case Field::kTgwDstEni:
      return PutText(out, to == nullptr ? missing : to->interface[flow.to_zone]);
    case Field::kTgwSrcAzId:
      return PutText(out, from->az[flow.from_zone]);
    case Field::kTgwDstAzId:
      return PutText(out, to == nullptr ? missing : to->az[flow.to_zone]);
    case Field::kSrcaddr:
      return PutText(out, flow.src->text);
    case Field::kDstaddr:
      return PutText(out, flow.dst->text);
    case Field::kSrcport:
      return PutNumber(out, flow.srcport);
    case Field::kDstport:
      return PutNumber(out, flow.dstport);
    case Field::kProtocol:
      return PutNumber(out, flow.protocol);
    case Field::kPackets:
      return PutNumber(out, flow.packets);
    case Field::kBytes:
      return PutNumber(out, flow.bytes);
    case Field::kStart:
      return WriteTime(flow.start, out);
    case Field::kEnd:
      return WriteTime(flow.end, out);
    case Field::kLogStatus:
      return WriteStatus(flow, out);
    case Field::kType:
      return flow.src->is_v6 ? PutWord(out, "IPv6") : PutWord(out, "IPv4");
    case Field::kPacketsLostNoRoute:
    case Field::kPacketsLostBlackhole:
    case Field::kPacketsLostMtuExceeded:
    case Field::kPacketsLostTtlExpired:
      return PutNumber(out, flow.lost[static_cast<size_t>(field) - static_cast<size_t>(Field::kPacketsLostNoRoute)]);
    case Field::kTcpFlags:
      return PutNumber(out, flow.tcp_flags);
    case Field::kRegion:
      return PutText(out, world_.region);
    case Field::kFlowDirection:
      return flow.egress ? PutWord(out, "egress") : PutWord(out, "ingress");
    case Field::kPktSrcAwsService:
      return PutText(out, flow.src->service);
    case Field::kPktDstAwsService:
      return PutText(out, flow.dst->service);
    default:  // of VPC flow logs: no format has both
      return PutMissing(out);
  }
}

}  // namespace v1
}  // namespace flowlogs
