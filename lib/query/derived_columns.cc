// Derived columns and provenance: what ColumnReader makes of the fields of a record, the observations and the block.
#include <algorithm>
#include <memory>
#include <type_traits>

#include "flowlogs/schema/services.h"
#include "lib/query/columns.h"
#include "lib/query/enrichment_data.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr bool HasPorts(int64_t protocol) { return protocol == 6 || protocol == 17 || protocol == 132; }

std::string_view EvidenceText(Evidence evidence) {
  switch (evidence) {
    case Evidence::kSyn:
      return "syn";
    case Evidence::kSynAck:
      return "syn-ack";
    case Evidence::kPort:
      return "port";
    case Evidence::kUnknown:
      break;
  }
  return "unknown";
}

// The server's port; where the client is not told, the one that both sides have, or the lower one.
int64_t ServerPort(const ObservedRecord& record, const Orientation& orientation) {
  if (!HasPorts(record.protocol)) return kNullWord;
  if (orientation.client == Side::kSource) return record.dstport;
  if (orientation.client == Side::kDestination) return record.srcport;
  if (record.srcport == kNullWord || record.dstport == kNullWord) return std::max(record.srcport, record.dstport);
  return std::min(record.srcport, record.dstport);
}

}  // namespace

std::string ServiceText(int64_t port, int64_t protocol) {
  if (HasPorts(protocol)) {
    const std::string_view name = ServiceName(port, protocol);
    if (!name.empty()) return std::string(name);
    return std::string(WordOf(Field::kProtocol, protocol)) + "/" + std::to_string(port);
  }
  const std::string_view name = WordOf(Field::kProtocol, protocol);
  return name.empty() ? "protocol " + std::to_string(protocol) : std::string(name);
}

std::vector<Field> NeededFields(const ColumnRef& column) {
  switch (column.kind) {
    case ColumnRef::Kind::kField:
      return {column.field};
    case ColumnRef::Kind::kEnriched:
      return NeededFields(column.Read());
    case ColumnRef::Kind::kDuration:
      return {Field::kStart, Field::kEnd};
    case ColumnRef::Kind::kService:
      return {Field::kProtocol};
    case ColumnRef::Kind::kServerPort:
      return {Field::kSrcport, Field::kDstport, Field::kProtocol};
    case ColumnRef::Kind::kDirection:
    case ColumnRef::Kind::kOwn:
    case ColumnRef::Kind::kPeer:
    case ColumnRef::Kind::kClient:
    case ColumnRef::Kind::kServer:
    case ColumnRef::Kind::kOrientation:
    case ColumnRef::Kind::kConversation:
      return {Field::kSrcaddr, Field::kDstaddr};
    default:
      break;  // kOther and provenance
  }
  return {};
}

ObservedPlaces ObservedPlaces::Bind(const Format& format) {
  auto at = [&](Field field) { return format.IndexOf(field); };
  return {at(Field::kInterfaceId), at(Field::kFlowDirection), at(Field::kSrcaddr),  at(Field::kDstaddr),
          at(Field::kSrcport),     at(Field::kDstport),       at(Field::kProtocol), at(Field::kTcpFlags),
          at(Field::kInterfaceId) < 0 && (at(Field::kTgwId) >= 0 || at(Field::kTgwAttachmentId) >= 0)};
}

void ObservedPlaces::AppendPlaces(std::vector<int>* out) const {
  for (int place : {interface_id, flow_direction, source, destination, srcport, dstport, protocol, tcp_flags}) {
    if (place >= 0) out->push_back(place);
  }
}

ObservedColumns ObservedColumns::Of(const ObservedPlaces& places, RecordBatch& batch, Rows rows) {
  auto texts = [&](int place) { return place < 0 ? nullptr : batch.Texts(place, rows); };
  auto integers = [&](int place) { return place < 0 ? nullptr : batch.Integers(place, rows); };
  auto addresses = [&](int place) { return place < 0 ? nullptr : batch.Addresses(place, rows); };
  return {texts(places.interface_id), texts(places.flow_direction), addresses(places.source),
          addresses(places.destination), integers(places.srcport), integers(places.dstport),
          integers(places.protocol), integers(places.tcp_flags), places.is_transit_gateway};
}

BoundColumn BoundColumn::Bind(const ColumnRef& column, const Format& format) {
  if (column.kind == ColumnRef::Kind::kEnriched) return BindEnriched(column, format);
  BoundColumn bound{column.kind, column.type(), false, {-1, -1}, {}};
  if (column.kind == ColumnRef::Kind::kOther) {
    bound.places[0] = format.IndexOf(column.name);
    bound.lacking = bound.places[0] < 0;
    return bound;
  }
  const std::vector<Field> needed = NeededFields(column);
  for (Field field : needed) bound.lacking |= format.IndexOf(field) < 0;
  if (bound.is_oriented()) {
    bound.observed = ObservedPlaces::Bind(format);
  } else {
    for (size_t i = 0; i < needed.size(); ++i) bound.places[i] = format.IndexOf(needed[i]);
  }
  return bound;
}

BoundColumn BoundColumn::BindEnriched(const ColumnRef& column, const Format& format) {
  BoundColumn bound = Bind(column.Read(), format);
  bound.base = bound.kind;
  bound.base_type = bound.type;
  bound.kind = ColumnRef::Kind::kEnriched;
  bound.type = OperandType::kText;
  bound.table = column.table;
  if (column.table == nullptr) {
    bound.lacking = true;
    return bound;
  }
  const EnrichmentTable::Data& data = EnrichmentAccess::DataOf(*column.table);
  const std::optional<size_t> found = data.ColumnOf(column.attribute);
  bound.lacking |= !found;
  bound.table_column = found.value_or(0);
  if (data.is_timed) bound.places[1] = format.IndexOf(Field::kStart);
  return bound;
}

bool BoundColumn::is_oriented() const {
  switch (kind == ColumnRef::Kind::kEnriched ? base : kind) {
    case ColumnRef::Kind::kField:
    case ColumnRef::Kind::kOther:
    case ColumnRef::Kind::kDuration:
      return false;
    default:
      return !ColumnRef::IsProvenance(kind);  // of enriched columns none is
  }
}

void BoundColumn::AppendPlaces(std::vector<int>* out) const {
  if (lacking) return;
  auto add = [&](int place) {
    if (place >= 0) out->push_back(place);
  };
  for (int place : places) add(place);
  if (is_oriented()) observed.AppendPlaces(out);
}

std::vector<int64_t>& ColumnReader::NextWords(uint32_t rows) {
  std::vector<int64_t>& words = words_[next_words_++ % words_.size()];
  if (words.size() < rows) words.resize(rows);
  return words;
}

std::vector<std::string_view>& ColumnReader::NextTexts(uint32_t rows) {
  std::vector<std::string_view>& texts = texts_[next_texts_++ % texts_.size()];
  if (texts.size() < rows) texts.resize(rows);
  return texts;
}

const std::vector<ObservedRecord>& ColumnReader::Observed(const ObservedPlaces& places, RecordBatch& batch, Rows rows) {
  if (observed_filled_.Is(batch, rows)) return observed_;
  if (observed_.size() < batch.run().num_rows) observed_.resize(batch.run().num_rows);
  const ObservedColumns columns = ObservedColumns::Of(places, batch, rows);
  for (uint32_t i = 0; i < rows.count; ++i) observed_[rows[i]] = columns.At(batch, rows[i]);
  observed_filled_ = {batch.generation(), rows.id};
  return observed_;
}

const std::vector<Orientation>& ColumnReader::Oriented(const ObservedPlaces& places, RecordBatch& batch, Rows rows) {
  if (oriented_filled_.Is(batch, rows)) return oriented_;
  static const Observations kNothing;
  const Observations& observations = context_.observations == nullptr ? kNothing : *context_.observations;
  const std::vector<ObservedRecord>& observed = Observed(places, batch, rows);
  if (oriented_.size() < batch.run().num_rows) oriented_.resize(batch.run().num_rows);
  for (uint32_t i = 0; i < rows.count; ++i) oriented_[rows[i]] = observations.Orient(observed[rows[i]]);
  oriented_filled_ = {batch.generation(), rows.id};
  return oriented_;
}

const int64_t* ColumnReader::Words(const BoundColumn& column, RecordBatch& batch, Rows rows) {
  using Kind = ColumnRef::Kind;
  if (column.kind == Kind::kField && !column.lacking) {
    return column.type == OperandType::kAddress ? batch.Addresses(column.places[0], rows)
                                                : batch.Integers(column.places[0], rows);
  }
  std::vector<int64_t>& words = NextWords(batch.run().num_rows);
  auto each = [&](auto value) {
    for (uint32_t i = 0; i < rows.count; ++i) words[rows[i]] = value(rows[i]);
    return words.data();
  };
  if (column.lacking) return each([](uint32_t) { return kNullWord; });
  if (column.kind == Kind::kLine) {
    return each([&](uint32_t row) { return static_cast<int64_t>(context_.lines_before + batch.run().block_line(row) + 1); });
  }
  if (column.kind == Kind::kEventTime) return each([&](uint32_t row) { return EventTime(batch, row); });
  if (column.kind == Kind::kDuration) {
    const int64_t* start = batch.Integers(column.places[0], rows);
    const int64_t* end = batch.Integers(column.places[1], rows);
    return each([&](uint32_t row) {
      return start[row] == kNullWord || end[row] == kNullWord ? kNullWord : end[row] - start[row];
    });
  }
  const std::vector<ObservedRecord>& observed = Observed(column.observed, batch, rows);
  if (column.kind == Kind::kConversation) {
    return each([&](uint32_t row) {
      const std::optional<uint64_t> conversation = ConversationOf(observed[row]);
      return conversation ? static_cast<int64_t>(*conversation >> 1) : kNullWord;
    });
  }
  const std::vector<Orientation>& oriented = Oriented(column.observed, batch, rows);
  if (column.kind == Kind::kServerPort) {
    return each([&](uint32_t row) { return ServerPort(observed[row], oriented[row]); });
  }
  const int64_t* source = batch.Addresses(column.observed.source, rows);
  const int64_t* destination = batch.Addresses(column.observed.destination, rows);
  return each([&](uint32_t row) {
    const Orientation& o = oriented[row];
    Side side = column.kind == Kind::kOwn || column.kind == Kind::kPeer ? o.own : o.client;
    if (column.kind == Kind::kPeer || column.kind == Kind::kServer) side = Other(side);
    return side == Side::kNone ? kNullWord : (side == Side::kSource ? source : destination)[row];
  });
}

const std::string_view* ColumnReader::Texts(const BoundColumn& column, RecordBatch& batch, Rows rows) {
  using Kind = ColumnRef::Kind;
  if ((column.kind == Kind::kField || column.kind == Kind::kOther) && !column.lacking) {
    return batch.Texts(column.places[0], rows);
  }
  if (column.kind == Kind::kEnriched && !column.lacking) return Enriched(column, batch, rows);
  std::vector<std::string_view>& texts = NextTexts(batch.run().num_rows);
  auto each = [&](auto value) {
    for (uint32_t i = 0; i < rows.count; ++i) texts[rows[i]] = value(rows[i]);
    return texts.data();
  };
  if (column.lacking) return each([](uint32_t) { return std::string_view(); });
  if (column.kind == Kind::kSource) return each([&](uint32_t) { return std::string_view(*context_.source); });
  if (ColumnRef::IsProvenance(column.kind)) return each([&](uint32_t row) { return Origin(column.kind, batch, row); });
  const std::vector<ObservedRecord>& observed = Observed(column.observed, batch, rows);
  const std::vector<Orientation>& oriented = Oriented(column.observed, batch, rows);
  switch (column.kind) {
    case Kind::kDirection:
      return each([&](uint32_t row) -> std::string_view {
        if (observed[row].is_transit_gateway) return observed[row].flow_direction;
        if (oriented[row].own == Side::kNone) return {};
        return oriented[row].own == Side::kSource ? "egress" : "ingress";
      });
    case Kind::kOrientation:
      return each([&](uint32_t row) {
        return observed[row].source && observed[row].destination ? EvidenceText(oriented[row].evidence)
                                                                 : std::string_view();
      });
    default:
      break;
  }
  return each([&](uint32_t row) -> std::string_view {
    const int64_t protocol = observed[row].protocol;
    if (protocol == kNullWord) return {};
    if (!HasPorts(protocol)) return Service(0, protocol);
    const int64_t port = ServerPort(observed[row], oriented[row]);
    return port == kNullWord ? std::string_view() : Service(port, protocol);
  });
}

const std::string_view* ColumnReader::Enriched(const BoundColumn& column, RecordBatch& batch, Rows rows) {
  const EnrichmentTable::Data& data = EnrichmentAccess::DataOf(*column.table);
  auto recent_of = [&](auto& all) -> auto& {
    for (auto& [table, recent] : all) {
      if (table == column.table) return *recent;
    }
    using Recent = typename std::decay_t<decltype(all)>::value_type::second_type::element_type;
    return *all.emplace_back(column.table, std::make_shared<Recent>(data)).second;
  };
  BoundColumn base = column;
  base.kind = column.base;
  base.type = column.base_type;
  const bool by_time = data.is_timed && column.places[1] >= 0;
  const int64_t* const starts = by_time ? batch.Integers(column.places[1], rows) : nullptr;
  auto value = [&](uint32_t entry, uint32_t row) {
    return data.Value(entry, column.table_column, starts == nullptr ? kNullWord : starts[row]);
  };
  if (base.type == OperandType::kAddress) {
    const int64_t* const words = Words(base, batch, rows);
    RecentAddresses& recent = recent_of(recent_addresses_);
    std::vector<std::string_view>& texts = NextTexts(batch.run().num_rows);
    for (uint32_t i = 0; i < rows.count; ++i) {
      const uint32_t row = rows[i];
      const int64_t word = words[row];
      texts[row] = word == kNullWord ? std::string_view() : value(recent.Find(data, batch.Address(word)), row);
    }
    return texts.data();
  }
  const std::string_view* const keys = Texts(base, batch, rows);
  RecentTexts& recent = recent_of(recent_texts_);
  std::vector<std::string_view>& texts = NextTexts(batch.run().num_rows);
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    const std::string_view key = keys[row];
    texts[row] = key.data() == nullptr ? std::string_view() : value(recent.Find(data, key), row);
  }
  return texts.data();
}

const NameFacts& ColumnReader::Name() {
  if (named_input_ != context_.input) {
    name_ = FactsOfName(*context_.source);
    named_input_ = context_.input;
  }
  return name_;
}

const BlockEvents::Event* ColumnReader::EventOf(const RecordBatch& batch, uint32_t row) const {
  if (context_.events == nullptr) return nullptr;
  const uint32_t line = batch.run().block_line(row);
  return line < context_.events->events.size() ? &context_.events->events[line] : nullptr;
}

int64_t ColumnReader::EventTime(const RecordBatch& batch, uint32_t row) const {
  const BlockEvents::Event* const event = EventOf(batch, row);
  if (event != nullptr && event->time != BlockEvents::kNoTime) return event->time;
  if (!batch.format().leading_time() || batch.run().arrow != nullptr) return kNullWord;
  const std::string_view line = batch.run().text(row);
  return EventTimeOf(line.substr(0, line.find(' ')));
}

std::string_view ColumnReader::Origin(ColumnRef::Kind kind, const RecordBatch& batch, uint32_t row) {
  using Kind = ColumnRef::Kind;
  const BlockEvents::Event* const event = EventOf(batch, row);
  const bool has_origin = event != nullptr && event->origin < context_.events->origins.size();
  auto choose = [&](std::string BlockEvents::Origin::* said, std::string NameFacts::* named) -> std::string_view {
    if (said != nullptr && has_origin) {
      const std::string& text = context_.events->origins[event->origin].*said;
      if (!text.empty()) return text;
    }
    if (named == nullptr) return {};
    const std::string& text = Name().*named;
    return text.empty() ? std::string_view() : text;
  };
  switch (kind) {
    case Kind::kLogGroup:
      return choose(&BlockEvents::Origin::log_group, nullptr);
    case Kind::kLogStream:
      return choose(&BlockEvents::Origin::log_stream, &NameFacts::log_stream);
    case Kind::kOwner:
      return choose(&BlockEvents::Origin::owner, nullptr);
    case Kind::kAccount:
      return choose(&BlockEvents::Origin::account, &NameFacts::account);
    case Kind::kRegion:
      return choose(&BlockEvents::Origin::region, &NameFacts::region);
    case Kind::kFlowLogId:
      return choose(nullptr, &NameFacts::flow_log_id);
    case Kind::kEventId:
      if (event == nullptr || event->id_size == 0 || event->id_begin >= context_.events->ids.size()) return {};
      return std::string_view(context_.events->ids).substr(event->id_begin, event->id_size);
    default:
      return {};
  }
}

std::string_view ColumnReader::Service(int64_t port, int64_t protocol) {
  std::string& text = service_texts_[protocol << 32 | port];
  if (text.empty()) text = ServiceText(port, protocol);
  return text;
}

bool ColumnReader::IsInternal(IpAddress address) const {
  if (context_.internal != nullptr) return context_.internal->Contains(address);
  return context_.observations != nullptr && context_.observations->IsOwn(address);
}

std::string_view ColumnReader::Scope(IpAddress address) const {
  if (IsInternal(address)) return "internal";
  switch (ScopeOf(address)) {
    case AddressScope::kPrivate:
      return "private";
    case AddressScope::kMulticast:
      return "multicast";
    case AddressScope::kPublic:
      return "public";
    case AddressScope::kNone:
      break;
  }
  return {};
}

}  // namespace v1
}  // namespace flowlogs
