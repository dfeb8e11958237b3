#include "lib/insight/flow_table.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "lib/insight/ports.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {

namespace {

uint32_t Sum(uint32_t a, uint32_t b) { return a > ~b ? ~uint32_t{0} : a + b; }
uint64_t Sum(uint64_t a, uint64_t b) { return a > ~b ? ~uint64_t{0} : a + b; }

}  // namespace

void FlowSums::Add(const FlowSums& o) {
  up_records = Sum(up_records, o.up_records);
  up_rejected = Sum(up_rejected, o.up_rejected);
  down_records = Sum(down_records, o.down_records);
  down_rejected = Sum(down_rejected, o.down_rejected);
  up_packets = Sum(up_packets, o.up_packets);
  down_packets = Sum(down_packets, o.down_packets);
  rejected_packets = Sum(rejected_packets, o.rejected_packets);
  up_bytes = Sum(up_bytes, o.up_bytes);
  down_bytes = Sum(down_bytes, o.down_bytes);
  client_ports |= o.client_ports;
  last = std::max(last, o.last);
  first_inverted = std::max(first_inverted, o.first_inverted);
  least_port_inverted = std::max(least_port_inverted, o.least_port_inverted);
  most_port = std::max(most_port, o.most_port);
  up_flags |= o.up_flags;
  down_flags |= o.down_flags;
  has_flags |= o.has_flags;
  longest = std::max(longest, o.longest);
}

uint32_t AddressBook::Code(IpAddress address) {
  if (address.is_v4() && address.v4_bits() < Interner::kFirstOdd) return address.v4_bits();
  const std::lock_guard lock(mutex_);
  return interner_.Address(address);
}

uint32_t AddressBook::TextCode(std::string_view text) {
  const std::lock_guard lock(mutex_);
  return interner_.Text(text);
}

bool AddressBook::IsLess(uint32_t a, uint32_t b) const {
  const std::lock_guard lock(mutex_);
  return interner_.text(a) < interner_.text(b);
}

void ByteCounts::Merge(const ByteCounts& other) {
  for (size_t i = 0; i < memory_.bytes(); ++i) {
    counts()[i] = static_cast<uint8_t>(std::min(int{kMost}, int{counts()[i]} + int{other.counts()[i]}));
  }
}

void AddToRegisters(uint64_t hash, std::vector<uint8_t>* registers) {
  const size_t at = hash & (registers->size() - 1);
  const auto rank = static_cast<uint8_t>(std::min(52, std::countl_zero(hash) + 1));
  (*registers)[at] = std::max((*registers)[at], rank);
}

uint64_t CountOfRegisters(const std::vector<uint8_t>& registers) {
  const double m = static_cast<double>(registers.size());
  double sum = 0;
  size_t zeros = 0;
  for (uint8_t rank : registers) {
    sum += std::ldexp(1.0, -rank);
    zeros += rank == 0 ? 1 : 0;
  }
  const double raw = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  const double count = zeros > 0 && raw <= 2.5 * m ? m * std::log(m / static_cast<double>(zeros)) : raw;
  return static_cast<uint64_t>(std::llround(count));
}

void NoiseSums::Merge(const NoiseSums& other) {
  records += other.records;
  for (size_t i = 0; i < protocols.size(); ++i) protocols[i] += other.protocols[i];
  for (size_t i = 0; i < tcp_ports.size(); ++i) {
    tcp_ports[i] += other.tcp_ports[i];
    udp_ports[i] += other.udp_ports[i];
  }
  for (size_t i = 0; i < source_registers.size(); ++i) {
    source_registers[i] = std::max(source_registers[i], other.source_registers[i]);
    target_registers[i] = std::max(target_registers[i], other.target_registers[i]);
  }
  for (const auto& [key, hour] : other.targets) targets[key].Add(hour);
}

FlowTable::FlowTable(size_t max_flows, size_t max_contacts, const AddressSet* internal, const AddressSet* listed)
    : max_flows_(max_flows), max_contacts_(max_contacts), internal_(internal), listed_(listed) {}

uint8_t FlowTable::ClassOf(IpAddress address) const {
  uint8_t bits = 0;
  const AddressScope scope = ScopeOf(address);
  if (scope == AddressScope::kPublic) bits |= kPublic;
  if (observations->IsOwn(address)) bits |= kOwn | kInside;
  if (scope == AddressScope::kPrivate || (internal_ != nullptr && internal_->Contains(address))) bits |= kInside;
  if (listed_ != nullptr && listed_->Contains(address)) bits |= kListed;
  return bits;
}

bool FlowTable::IsKept(const FlowKey& key, uint32_t level) const {
  if (level == 0) return true;
  const bool is_client = key.is(FlowKey::kClientOutside);
  const IpAddress address = book_.Locked(is_client || !key.is(FlowKey::kServerOutside) ? key.client : key.server);
  return IsKept(AttemptSketch::HashOf(address), is_client && key.is(FlowKey::kDaily), level);
}

bool FlowTable::IsKept(const Contact& contact, uint32_t level) const {
  const uint64_t party = AttemptSketch::HashOf(book_.Locked(contact.server)) ^ contact.client;
  return IsKept(MixWord(party, contact.port), true, level);
}

void FlowTable::AddRow(const FlowSums& from, FlowSums* to) const {
  if (to->last == 0 && to->first_inverted == 0) {  // a new row
    *to = from;
    return;
  }
  to->Add(from);
  if (to->interface == from.interface || from.interface == 0) return;
  if (to->interface == 0 || book_.IsLess(from.interface - 1, to->interface - 1)) to->interface = from.interface;
}

void FlowTable::AddFlows(size_t p, FlowBox* box) {
  if (box->keys.empty()) return;
  Part& part = parts_[p];
  {
    const std::lock_guard lock(part.mutex);
    size_t count = box->keys.size();
    if (const uint32_t now = level(); now != box->level) {
      count = 0;
      for (size_t i = 0; i < box->keys.size(); ++i) {
        if (!IsKept(box->keys[i], now)) continue;
        box->keys[count] = box->keys[i];
        box->sums[count++] = box->sums[i];
      }
    }
    GroupRow rows[FlowBox::kMost];
    const size_t size = part.table->size(), bytes = part.table->bytes();
    part.table->FindOrAdd(reinterpret_cast<const uint64_t*>(box->keys.data()), count, rows);
    for (size_t i = 0; i < count; ++i) AddRow(box->sums[i], reinterpret_cast<FlowSums*>(rows[i] + 2));
    num_flows_ += part.table->size() - size;
    bytes_ += part.table->bytes() - bytes;
  }
  box->keys.clear();
  box->sums.clear();
  if (num_flows_ > max_flows_) Thin();
}

void FlowTable::Thin() {
  const std::lock_guard thinning(thin_mutex_);
  while (num_flows_ > max_flows_ && level() < kMostLevels) {
    const uint32_t next = level() + 1;
    level_ = next;
    for (Part& part : parts_) {
      const std::lock_guard lock(part.mutex);
      auto kept = std::make_unique<GroupTable>(2, kFlowWords);
      GroupRow to;
      for (size_t i = 0; i < part.table->size(); ++i) {
        const GroupRow row = part.table->row(i);
        if (!IsKept(*reinterpret_cast<const FlowKey*>(row), next)) continue;
        kept->FindOrAdd(row, 1, &to);
        std::memcpy(to + 2, row + 2, sizeof(FlowSums));
      }
      num_flows_ -= part.table->size() - kept->size();
      bytes_ -= part.table->bytes() - kept->bytes();
      part.table = std::move(kept);
    }
  }
}

void FlowTable::AddContacts(std::vector<Contact>* contacts) {
  const std::lock_guard lock(mutex_);
  if (contacts_.capacity() == 0) contacts_.reserve(max_contacts_ + contacts->size());  // no memory yet, and no copies later
  if (contact_level() > 0) std::erase_if(*contacts, [&](const Contact& contact) { return !IsKept(contact, contact_level()); });
  contacts_.insert(contacts_.end(), contacts->begin(), contacts->end());
  contacts->clear();
  while (contacts_.size() > max_contacts_ && contact_level() < kMostLevels) {
    contact_level_ = contact_level() + 1;
    std::erase_if(contacts_, [&](const Contact& contact) { return !IsKept(contact, contact_level()); });
  }
}

void FlowTable::AddInterfaces(const absl::flat_hash_map<uint64_t, InterfaceBin>& bins) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, bin] : bins) {
    interfaces_[key].Add(bin);
  }
}

void FlowTable::AddHours(const absl::flat_hash_map<uint64_t, HourSums>& hours) {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, sums] : hours) hours_[key].Add(sums);
}

void FlowTable::AddNoise(const NoiseSums& noise) {
  const std::lock_guard lock(mutex_);
  noise_.Merge(noise);
}

size_t FlowTable::size() const { return num_flows_; }

namespace {

constexpr int64_t kLongestTime = 0xffffffff;

uint32_t Seconds(int64_t time) {
  return time == kNullWord ? 0 : static_cast<uint32_t>(std::clamp<int64_t>(time, 0, kLongestTime));
}

// Counts rejected records of public sources.
class SurveySink final : public LocalSink {
 public:
  void Consume(RecordBatch& batch) override {
    const int source = batch.format().IndexOf(Field::kSrcaddr);
    const int action = batch.format().IndexOf(Field::kAction);
    const int destination = batch.format().IndexOf(Field::kDstaddr), start = batch.format().IndexOf(Field::kStart);
    if (source < 0 || destination < 0 || action < 0) return;
    const Rows all = batch.AllRows();
    rows_.resize(all.count);
    uint32_t count = 0;
    if (batch.HasPlainText(action)) {
      count = batch.SelectText(action, all, "REJECT", false, rows_.data());
    } else {
      const std::string_view* const actions = batch.Texts(action, all);
      for (uint32_t row = 0; row < all.count; ++row) {
        if (actions[row] == "REJECT") rows_[count++] = row;
      }
    }
    const Rows rejected{rows_.data(), count, batch.NextSelectionId()};
    const int64_t* const sources = batch.Addresses(source, rejected);
    const int64_t* const targets = batch.Addresses(destination, rejected);
    const int64_t* const starts = start < 0 ? nullptr : batch.Integers(start, rejected);
    for (uint32_t i = 0; i < rejected.count; ++i) {
      const uint32_t row = rejected[i];
      if (sources[row] == kNullWord || targets[row] == kNullWord) continue;
      const IpAddress address = batch.Address(sources[row]);
      if (ScopeOf(address) != AddressScope::kPublic) continue;
      sketch_.Add(AttemptSketch::HashOf(address), AttemptSketch::HashOf(batch.Address(targets[row])),
                  Seconds(starts == nullptr ? kNullWord : starts[row]) / 3600);
    }
  }
  const AttemptSketch& sketch() const { return sketch_; }

 private:
  AttemptSketch sketch_;
  std::vector<uint32_t> rows_;
};

class FlowSink final : public LocalSink {
 public:
  FlowSink(const RecordFilter& filter, const RunContext& context, FlowTable* table)
      : filter_(filter), context_(context), table_(table), recent_(kRecent) {}

  void BeginBlock(const BlockContext& block) override { reader_.SetContext(ContextOf(context_, block)); }

  void Consume(RecordBatch& batch) override {
    const Bound& bound = bound_.For(batch.run(), [&](const Format& format) { return Bind(format); });
    pool_.Reset();
    const Rows rows = bound.filter.Select(batch, batch.AllRows(), &reader_, &pool_);
    batch.Locate(bound.columns, rows);
    Read(bound, batch, rows);
    if (contacts_.size() >= kMostContacts) table_->AddContacts(&contacts_);
  }

  size_t state_bytes() const override {
    return contacts_.capacity() * sizeof(Contact) +
           interfaces_.capacity() * (sizeof(*interfaces_.begin()) + 1) + hours_.capacity() * (sizeof(*hours_.begin()) + 1) +
           noise_.targets.capacity() * (sizeof(*noise_.targets.begin()) + 1);
  }

  void Finish() {
    for (size_t part = 0; part < boxes_.size(); ++part) table_->AddFlows(part, &boxes_[part]);
    table_->AddContacts(&contacts_);
    for (size_t i = 0; i < current_bins_.size(); ++i) {
      FlushBin(interface_codes_[i], current_bins_[i].bin, current_bins_[i].sums);
      FlushBin(interface_codes_[i], current_bins_[i].bin + 1, current_bins_[i].next);
    }
    // The sink lives on while the table is judged: what it holds does not.
    table_->AddInterfaces(std::exchange(interfaces_, {}));
    for (Address& known : recent_) FlushHour(&known);
    table_->AddHours(std::exchange(hours_, {}));
    table_->AddNoise(std::exchange(noise_, {}));
  }

 private:
  static constexpr size_t kMostContacts = 1 << 14;
  static constexpr size_t kRecent = 1 << 12;
  struct Bound {
    Filter filter;
    ObservedPlaces places;
    int start, end, packets, bytes, action, service, log_status;
    std::vector<int> columns;
  };
  // An address, and what is known of it: a line of the cache.
  struct alignas(64) Address {
    IpAddress address;
    uint32_t code = 0;
    uint8_t bits = 0;
    bool is_known = false;
    uint32_t hour = 0;
    uint64_t hash = 0;
    HourSums sums;  // of the hour, of an inside address
  };

  Bound Bind(const Format& format) const {
    auto at = [&](Field field) { return format.IndexOf(field); };
    Bound bound{Filter::Bind(*filter_.expression, format, filter_.once, filter_.seen),
                ObservedPlaces::Bind(format),
                at(Field::kStart),
                at(Field::kEnd),
                at(Field::kPackets),
                at(Field::kBytes),
                at(Field::kAction),
                at(Field::kPktDstAwsService),
                at(Field::kLogStatus),
                {}};
    bound.places.AppendPlaces(&bound.columns);
    for (int place : {bound.start, bound.end, bound.packets, bound.bytes, bound.action, bound.service}) {
      if (place >= 0) bound.columns.push_back(place);
    }
    return bound;
  }

  static size_t PlaceOf(uint64_t hash) { return hash >> 52; }
  // `hash`: HashOf(address). Valid until another address of the same place is looked up.
  const Address& Look(IpAddress address, uint64_t hash) {
    Address& known = recent_[PlaceOf(hash)];
    if (known.is_known && known.address == address) [[likely]] return known;
    FlushHour(&known);
    known = {address, 0, table_->ClassOf(address), true, 0, hash, {}};
    if (address.is_v4()) known.code = table_->book().Code(address);  // of others when a flow takes them
    return known;
  }
  static uint8_t BitsOf(bool told, const Address& from, const Address& to) {
    auto bit = [](bool is, uint8_t value) { return is ? value : uint8_t{0}; };
    return static_cast<uint8_t>(
        bit(told, FlowKey::kTold) | bit((from.bits & kInside) != 0, FlowKey::kClientInside) |
        bit((to.bits & kInside) != 0, FlowKey::kServerInside) | bit(IsOutside(from), FlowKey::kClientOutside) |
        bit(IsOutside(to), FlowKey::kServerOutside) | bit((from.bits & kListed) != 0, FlowKey::kClientListed) |
        bit((to.bits & kListed) != 0, FlowKey::kServerListed));
  }
  static bool IsOutside(const Address& a) { return (a.bits & (kPublic | kInside)) == kPublic; }
  bool IsNoise(const Address& source, const Address& target, uint32_t hour) const {
    if (!IsOutside(source) || (source.bits & kListed) != 0) return false;
    return !table_->rejected.MayBeInAnHour(source.hash, hour, table_->least_in_an_hour) &&
           !table_->rejected.MayBeAtOneHost(source.hash, target.hash, table_->least_by_a_host);
  }

  void Read(const Bound& bound, RecordBatch& batch, Rows rows) {
    const ObservedColumns columns = ObservedColumns::Of(bound.places, batch, rows);
    const Observations& observations = *table_->observations;
    auto integers = [&](int place) { return place < 0 ? nullptr : batch.Integers(place, rows); };
    auto texts = [&](int place) { return place < 0 ? nullptr : batch.Texts(place, rows); };
    const int64_t* const starts = integers(bound.start);
    const int64_t* const ends = integers(bound.end);
    const int64_t* const packets = integers(bound.packets);
    const int64_t* const bytes = integers(bound.bytes);
    const std::string_view* const actions = texts(bound.action);
    const std::string_view* const services = texts(bound.service);
    const std::string_view* statuses = nullptr;
    auto hash = [&](const int64_t* addresses, uint32_t row) {
      const int64_t address = addresses == nullptr ? kNullWord : addresses[row];
      return address == kNullWord ? 0 : AttemptSketch::HashOf(batch.Address(address));
    };
    hashes_.resize(2 * size_t{rows.count});
    for (uint32_t i = 0; i < rows.count; ++i) {
      hashes_[2 * i] = hash(columns.source, rows[i]);
      hashes_[2 * i + 1] = hash(columns.destination, rows[i]);
    }
    auto word = [](const int64_t* words, uint32_t row) { return words == nullptr ? kNullWord : words[row]; };
    auto amount = [&](const int64_t* words, uint32_t row) {
      const int64_t value = word(words, row);
      return value == kNullWord ? uint64_t{0} : static_cast<uint64_t>(value);
    };
    auto is_rejected = [&](uint32_t row) { return actions != nullptr && actions[row] == "REJECT"; };
    for (uint32_t i = 0; i < rows.count; ++i) {
      const uint32_t row = rows[i];
      const ObservedRecord r = columns.At(batch, row);
      constexpr uint32_t kFar = 8;
      if (i + kFar < rows.count) {
        const uint64_t from = hashes_[2 * (i + kFar)], to = hashes_[2 * (i + kFar) + 1];
        __builtin_prefetch(&recent_[PlaceOf(from)], 1);
        __builtin_prefetch(&recent_[PlaceOf(to)], 1);
        const uint32_t far = rows[i + kFar];
        if (is_rejected(far)) table_->rejected.Prefetch(from, to, Seconds(word(starts, far)) / 3600);
      }
      const uint32_t start = Seconds(word(starts, row));
      const uint32_t end = std::max(start, Seconds(word(ends, row)));
      NoteInterface(r.interface_id);
      InterfaceBin* const bin = BinOf(start, end);
      if (!r.source || !r.destination) {
        if (statuses == nullptr && bound.log_status >= 0) statuses = batch.Texts(bound.log_status, rows);
        if (bin != nullptr && statuses != nullptr && statuses[row] == "SKIPDATA") ++bin->skipdata;
        continue;
      }
      const Orientation o = observations.Orient(r, interface_ == 0 ? nullptr : &own_[local_interface_]);
      const bool rejected = is_rejected(row);
      const uint64_t source_hash = hashes_[2 * i], destination_hash = hashes_[2 * i + 1];
      const Address* looked = &Look(*r.source, source_hash);
      Address held;
      if (PlaceOf(source_hash) == PlaceOf(destination_hash)) looked = &(held = *looked);
      const Address& source = *looked;
      const Address& destination = Look(*r.destination, destination_hash);
      const bool counts = r.is_transit_gateway
                              ? observations.IsCounted(r, o)
                              : o.own == Side::kSource ||
                                    ((source.bits & kOwn) == 0 && (o.own == Side::kDestination || (destination.bits & kOwn) == 0));
      if (!counts && !rejected) continue;
      const uint8_t protocol = r.protocol == kNullWord ? 255 : static_cast<uint8_t>(r.protocol);
      const bool has_ports = HasPorts(protocol) && r.srcport != kNullWord && r.dstport != kNullWord;
      Side client = has_ports ? o.client : Side::kSource;
      bool told = has_ports && client != Side::kNone;
      if (client == Side::kNone) client = Side::kSource;
      if (rejected && client == Side::kDestination && o.evidence == Evidence::kPort &&
          ServerPortRank(r.srcport, r.protocol) == ServerPortRank(r.dstport, r.protocol)) {
        client = Side::kSource;  // what is rejected was rather tried than answered
      }
      const bool up = client == Side::kSource;
      if (rejected && up && (destination.bits & kInside) != 0 && IsNoise(source, destination, start / 3600)) {
        NoteNoise(r, source, destination, has_ports, {1, amount(packets, row), start, end});
        continue;
      }
      const Address& from = up ? source : destination;
      const Address& to = up ? destination : source;
      const int64_t port = has_ports ? (up ? r.dstport : r.srcport) : 0;
      const int64_t client_port = has_ports ? (up ? r.srcport : r.dstport) : 0;
      const bool daily = !rejected && (r.protocol != 6 || !IsLoginPort(static_cast<uint16_t>(port)));
      const uint32_t hour = start / 3600;
      const uint64_t byte_count = amount(bytes, row);
      if (!rejected && counts) NoteHours(from, to, hour, byte_count);
      const uint32_t level = table_->level();
      if (level != 0) {
        const Address& party = IsOutside(from) || !IsOutside(to) ? from : to;
        if (!FlowTable::IsKept(party.hash, IsOutside(from) && daily, level)) continue;
      }
      FlowKey key{};
      key.client = CodeOf(from);
      key.server = CodeOf(to);
      key.bits = static_cast<uint8_t>(BitsOf(told, from, to) | (daily ? FlowKey::kDaily : 0));
      key.protocol = protocol;
      key.port = static_cast<uint16_t>(port);
      key.hour = daily ? hour / 24 * 24 : hour;
      FlowBox& box = BoxOf(key, level);
      box.keys.push_back(key);
      FlowSums& s = box.sums.emplace_back();
      const auto packet_count = static_cast<uint32_t>(std::min<uint64_t>(amount(packets, row), ~uint32_t{0}));
      const uint8_t flags = r.tcp_flags == kNullWord ? 0 : static_cast<uint8_t>(r.tcp_flags);
      s.has_flags = r.tcp_flags == kNullWord ? 0 : 1;
      if (up) {
        s.up_records = counts ? 1 : 0;
        s.up_rejected = rejected ? 1 : 0;
        s.up_flags = flags;
        if (rejected) {
          s.rejected_packets = packet_count;
        } else {
          s.up_packets = packet_count;
          s.up_bytes = byte_count;
          s.longest = static_cast<uint8_t>(std::min<uint32_t>(255, packet_count));
        }
      } else {
        s.down_records = counts ? 1 : 0;
        s.down_rejected = rejected ? 1 : 0;
        s.down_flags = flags;
        if (rejected) {
          s.rejected_packets = packet_count;
        } else {
          s.down_packets = packet_count;
          s.down_bytes = byte_count;
        }
      }
      s.client_ports = uint64_t{1} << (MixWord(0, static_cast<uint64_t>(client_port)) >> 58);
      s.first_inverted = ~start;
      s.last = end;
      s.least_port_inverted = static_cast<uint16_t>(~client_port);
      s.most_port = static_cast<uint16_t>(client_port);
      s.interface = interface_;
      const bool is_service = services != nullptr && services[row].data() != nullptr;  // of AWS
      if (up && !rejected && has_ports && counts && !is_service && IsOutside(from) != IsOutside(to) && port != 53 &&
          port != 123 && (IsOutside(to) || end - start >= 30)) {
        Contact contact{key.client, key.server, start, end, 0, key.port, static_cast<uint16_t>(client_port), key.protocol,
                        Contact::InterfaceOf(interface_)};
        contact.bytes = static_cast<uint32_t>(std::min<uint64_t>(byte_count, 0xffffffff));
        contacts_.push_back(contact);
      }
    }
  }

  // One with room.
  FlowBox& BoxOf(const FlowKey& key, uint32_t level) {
    const size_t part = FlowTable::PartOf(key);
    FlowBox& box = boxes_[part];
    if (box.keys.size() == FlowBox::kMost) table_->AddFlows(part, &box);
    if (box.keys.empty()) {
      box.keys.reserve(FlowBox::kMost);
      box.sums.reserve(FlowBox::kMost);
      box.level = level;
    }
    return box;
  }

  // Only of what takes a flow: there may be more IPv6 addresses than there is room for.
  uint32_t CodeOf(const Address& a) {
    if (a.address.is_v4() || a.code != 0) return a.code;
    const uint32_t code = table_->book().Code(a.address);
    Address& known = recent_[PlaceOf(a.hash)];
    if (known.address == a.address) known.code = code;
    return code;
  }

  // Makes interface_ the code of `id` + 1.
  void NoteInterface(std::string_view id) {
    if (id == interface_text_ && interface_ != 0) return;
    if (id.data() == nullptr) {
      interface_ = 0;
      return;
    }
    local_interface_ = interner_.Text(id);
    if (local_interface_ == interface_codes_.size()) {
      interface_codes_.push_back(table_->book().TextCode(id) + 1);
      own_.push_back(table_->observations->OwnOf(id));
      current_bins_.emplace_back();
    }
    interface_ = interface_codes_[local_interface_];
    interface_text_ = interner_.text(local_interface_);
  }

  // The sums of the ten minutes that the record begins in; nullptr if nobody knows. Most records end in these or the next.
  InterfaceBin* BinOf(uint32_t start, uint32_t end) {
    if (interface_ == 0 || start == 0) return nullptr;
    const uint32_t bin = start / kInterfaceBinSeconds, last_bin = end / kInterfaceBinSeconds;
    CurrentBin& current = current_bins_[local_interface_];
    if (current.bin != bin) {
      FlushBin(interface_, current.bin, current.sums);
      const bool is_next = bin == current.bin + 1;
      if (!is_next) FlushBin(interface_, current.bin + 1, current.next);
      current = {bin, is_next ? current.next : InterfaceBin(), {}};
    }
    if (last_bin != bin) {
      const InterfaceBin last{0, 0, end, end};
      last_bin == bin + 1 ? current.next.Add(last) : FlushBin(interface_, last_bin, last);
    }
    InterfaceBin& sums = current.sums;
    ++sums.records;
    sums.first = std::min(sums.first, start);
    sums.last = std::max(sums.last, std::min(end, (bin + 1) * kInterfaceBinSeconds - 1));
    return &sums;
  }
  void FlushBin(uint32_t interface, uint32_t bin, const InterfaceBin& sums) {
    if (bin == 0 || sums.is_empty()) return;
    GrowTable(interfaces_, [&](auto& table) { table[uint64_t{interface} << 32 | bin].Add(sums); });
  }

  void NoteHours(const Address& a, const Address& b, uint32_t hour, uint64_t bytes) {
    for (const Address* address : {&a, &b}) {
      if ((address->bits & kInside) == 0) continue;
      Address& known = recent_[PlaceOf(address->hash)];
      if (!(known.address == address->address)) {  // both have the same place
        AddHour(CodeOf(*address), hour, {bytes, 1});
        continue;
      }
      if (known.hour != hour) {
        FlushHour(&known);
        known.hour = hour;
      }
      known.sums.Add({bytes, 1});
    }
  }
  void FlushHour(Address* known) {
    if (known->sums.bytes > 0) AddHour(CodeOf(*known), known->hour, known->sums);
    known->sums = {};
  }
  void AddHour(uint32_t code, uint32_t hour, const HourSums& sums) {
    GrowTable(hours_, [&](auto& table) { table[uint64_t{code} << 32 | hour].Add(sums); });
  }

  void NoteNoise(const ObservedRecord& r, const Address& source, const Address& destination, bool has_ports,
                 const NoiseHour& hour) {
    ++noise_.records;
    const uint64_t key = uint64_t{CodeOf(destination)} << 32 | hour.first / 3600;
    GrowTable(noise_.targets, [&](auto& table) { table[key].Add(hour); });
    AddToRegisters(source.hash, &noise_.source_registers);
    AddToRegisters(destination.hash, &noise_.target_registers);
    if (has_ports && r.protocol == 6) {
      ++noise_.tcp_ports[static_cast<uint16_t>(r.dstport)];
    } else if (has_ports && r.protocol == 17) {
      ++noise_.udp_ports[static_cast<uint16_t>(r.dstport)];
    } else if (r.protocol != kNullWord) {
      ++noise_.protocols[static_cast<uint8_t>(r.protocol)];
    }
  }

  const RecordFilter filter_;
  const RunContext& context_;
  FlowTable* table_;
  ColumnReader reader_;
  SelectionPool pool_;
  BoundByFormat<Bound> bound_;
  std::vector<Address> recent_;
  std::vector<uint64_t> hashes_;  // of the two addresses of each row
  std::array<FlowBox, FlowTable::kParts> boxes_;
  std::vector<Contact> contacts_;
  Interner interner_;  // of interfaces
  std::vector<uint32_t> interface_codes_;
  std::vector<Observations::Own> own_;  // of each interface
  std::string_view interface_text_;
  uint32_t interface_ = 0;
  absl::flat_hash_map<uint64_t, InterfaceBin> interfaces_;
  absl::flat_hash_map<uint64_t, HourSums> hours_;
  struct CurrentBin {
    uint32_t bin = 0;
    InterfaceBin sums, next;  // next: of the ten minutes behind it
  };
  std::vector<CurrentBin> current_bins_;  // by the worker's code of the interface
  uint32_t local_interface_ = 0;
  NoiseSums noise_;
};

}  // namespace

std::unique_ptr<LocalSink> MakeSurveySink() { return std::make_unique<SurveySink>(); }
const AttemptSketch& SurveyOf(const LocalSink& sink) { return static_cast<const SurveySink&>(sink).sketch(); }
std::unique_ptr<LocalSink> MakeFlowSink(const RecordFilter& filter, const RunContext& context, FlowTable* table) {
  return std::make_unique<FlowSink>(filter, context, table);
}
void FinishFlowSink(LocalSink* sink) { static_cast<FlowSink*>(sink)->Finish(); }

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs
