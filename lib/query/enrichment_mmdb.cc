// MaxMind DB files as tables, read by libmaxminddb: the whole tree is walked once, each record of values decoded once.
#include "flowlogs/query/enrichment.h"

#if FLOWLOGS_HAVE_MAXMINDDB
#include <maxminddb.h>

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>

#include "lib/query/address_sets.h"
#include "lib/query/number_text.h"
#endif

namespace flowlogs {
inline namespace v1 {

#if FLOWLOGS_HAVE_MAXMINDDB
namespace {

using language::Uint128;

// A value and how it is reached: {"country", "iso_code"}; places in arrays are numbers.
struct Leaf {
  std::vector<std::string> path;
  std::string value;
};

std::string TextOf(const MMDB_entry_data_s& data) {
  char number[internal::kNumberRoom];
  switch (data.type) {
    case MMDB_DATA_TYPE_UTF8_STRING:
      return std::string(data.utf8_string, data.data_size);
    case MMDB_DATA_TYPE_UINT16:
      return std::to_string(data.uint16);
    case MMDB_DATA_TYPE_UINT32:
      return std::to_string(data.uint32);
    case MMDB_DATA_TYPE_INT32:
      return std::to_string(data.int32);
    case MMDB_DATA_TYPE_UINT64:
      return std::to_string(data.uint64);
    case MMDB_DATA_TYPE_BOOLEAN:
      return data.boolean ? "true" : "false";
    case MMDB_DATA_TYPE_DOUBLE:
      return std::string(number, internal::WriteDouble(data.double_value, number));
    case MMDB_DATA_TYPE_FLOAT:
      return std::string(number, internal::WriteDouble(static_cast<double>(data.float_value), number));
    default:
      return "";  // bytes, numbers of 128 bits
  }
}

// Appends the scalars of the value that `*next` begins with, and goes on behind it. libmaxminddb bounds the depth.
void AppendLeaves(const MMDB_entry_data_list_s** next, std::vector<std::string>* path, std::vector<Leaf>* leaves) {
  if (*next == nullptr) return;
  const MMDB_entry_data_s& data = (*next)->entry_data;
  *next = (*next)->next;
  if (data.type != MMDB_DATA_TYPE_MAP && data.type != MMDB_DATA_TYPE_ARRAY) {
    leaves->push_back({*path, TextOf(data)});
    return;
  }
  for (uint32_t i = 0; i < data.data_size && *next != nullptr; ++i) {
    std::string key = std::to_string(i);
    if (data.type == MMDB_DATA_TYPE_MAP) {
      key = TextOf((*next)->entry_data);
      *next = (*next)->next;
    }
    path->push_back(std::move(key));
    AppendLeaves(next, path, leaves);
    path->pop_back();
  }
}

std::string Joined(const std::vector<std::string>& path, char between) {
  std::string joined;
  for (const std::string& part : path) joined += (joined.empty() ? "" : std::string(1, between)) + part;
  return joined;
}

// What the shapes of MaxMind and DB-IP are called here. Names in other languages, and numbers of geonames, are left
// out.
constexpr std::pair<std::string_view, std::string_view> kShape[] = {
    {"autonomous_system_number", "asn"},
    {"autonomous_system_organization", "as_name"},
    {"continent.code", "continent"},
    {"country.iso_code", "country"},
    {"subdivisions.0.iso_code", "subdivision"},
    {"city.names.en", "city"},
    {"postal.code", "postal"},
    {"location.latitude", "latitude"},
    {"location.longitude", "longitude"},
    {"location.time_zone", "time_zone"},
};
// Whether maps as in MaxMind's shapes are in the record; {"country": "DE"} is another one.
bool IsGeo(const std::vector<Leaf>& leaves) {
  return std::any_of(leaves.begin(), leaves.end(), [](const Leaf& leaf) {
    return leaf.path.size() > 1 && (leaf.path[0] == "country" || leaf.path[0] == "continent" ||
                                    leaf.path[0] == "city" || leaf.path[0] == "registered_country");
  });
}

EnrichmentTable::Values ValuesOf(const std::vector<Leaf>& leaves) {
  EnrichmentTable::Values values;
  std::set<std::string> known;
  const bool is_geo = IsGeo(leaves);
  for (const Leaf& leaf : leaves) {
    const std::string path = Joined(leaf.path, '.');
    const auto shaped =
        std::find_if(std::begin(kShape), std::end(kShape), [&](const auto& shape) { return shape.first == path; });
    if (shaped != std::end(kShape)) {
      values.emplace_back(shaped->second, leaf.value);
    } else if (!is_geo && !leaf.path.empty()) {
      // Of two with one last key the later one is called by its whole path.
      const std::string& last = leaf.path.back();
      values.emplace_back(known.insert(last).second ? last : path, leaf.value);
    }
  }
  return values;
}

// An open file; closes it.
struct OpenMmdb {
  MMDB_s mmdb = {};
  bool is_open = false;
  ~OpenMmdb() {
    if (is_open) MMDB_close(&mmdb);
  }
};

class TreeWalk {
 public:
  TreeWalk(const MMDB_s& mmdb, const std::string& name, EnrichmentTable::Builder* builder)
      : mmdb_(mmdb), dot_(name.empty() ? "" : name + "."), builder_(builder) {}

  // Every network below a node, which stands `depth` bits below the root. False if the tree or its data is broken.
  bool Walk(uint64_t node, Uint128 prefix, int depth) {
    // A tree has less nodes than that: these lead to one another.
    if (++visited_ > uint64_t{mmdb_.metadata.node_count} || depth >= bits()) return false;
    MMDB_search_node_s found;
    if (MMDB_read_node(&mmdb_, static_cast<uint32_t>(node), &found) != MMDB_SUCCESS) return false;
    const Uint128 right = prefix | Uint128{1} << (127 - depth);
    return Follow(found.left_record_type, found.left_record, found.left_record_entry, prefix, depth + 1) &&
           Follow(found.right_record_type, found.right_record, found.right_record_entry, right, depth + 1);
  }

 private:
  int bits() const { return mmdb_.metadata.ip_version == 4 ? 32 : 128; }

  bool Follow(uint8_t type, uint64_t record, const MMDB_entry_s& entry, Uint128 prefix, int depth) {
    switch (type) {
      case MMDB_RECORD_TYPE_EMPTY:
        return true;
      case MMDB_RECORD_TYPE_SEARCH_NODE:
        // IPv4 stands at ::/96; other places of IPv6 (::ffff:0:0/96, 2002::/16) may lead there again.
        if (bits() == 128 && record == mmdb_.ipv4_start_node.node_value && prefix != 0) return true;
        return Walk(record, prefix, depth);
      case MMDB_RECORD_TYPE_DATA:
        return Add(entry, prefix, depth);
      default:
        return false;
    }
  }

  bool Add(MMDB_entry_s entry, Uint128 prefix, int depth) {
    const auto [row, is_new] = rows_.try_emplace(entry.offset, 0);
    if (is_new) {
      MMDB_entry_data_list_s* list = nullptr;
      const bool read = MMDB_get_entry_data_list(&entry, &list) == MMDB_SUCCESS;
      const std::unique_ptr<MMDB_entry_data_list_s, void (*)(MMDB_entry_data_list_s*)> owned(
          list, [](MMDB_entry_data_list_s* given) { MMDB_free_entry_data_list(given); });
      if (!read) return false;
      std::vector<Leaf> leaves;
      std::vector<std::string> path;
      const MMDB_entry_data_list_s* next = list;
      AppendLeaves(&next, &path, &leaves);
      EnrichmentTable::Values values = ValuesOf(leaves);
      for (auto& [column, value] : values) column = dot_ + column;
      row->second = builder_->AddRow(values);
    }
    if (bits() == 32) {
      builder_->AddPrefix(IpPrefix(IpAddress::V4(static_cast<uint32_t>(prefix >> 96)), depth), row->second);
    } else if (prefix >> 32 == 0 && depth >= 96) {
      builder_->AddPrefix(IpPrefix(IpAddress::V4(static_cast<uint32_t>(prefix)), depth - 96), row->second);
    } else {
      if (prefix == 0)
        builder_->AddPrefix(IpPrefix(IpAddress::V4(0), 0), row->second);  // a network that holds all of IPv4
      builder_->AddPrefix(
          IpPrefix(IpAddress::V6(static_cast<uint64_t>(prefix >> 64), static_cast<uint64_t>(prefix)), depth),
          row->second);
    }
    return true;
  }

  const MMDB_s& mmdb_;
  const std::string dot_;
  EnrichmentTable::Builder* builder_;
  uint64_t visited_ = 0;
  std::unordered_map<uint32_t, size_t> rows_;  // by the place of their data
};

}  // namespace

absl::StatusOr<EnrichmentTable> EnrichmentTable::ReadMmdb(const std::string& path, const std::string& name) {
  OpenMmdb file;
  if (const int error = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &file.mmdb); error != MMDB_SUCCESS) {
    const std::string what = path + ": cannot be read as .mmdb: " + MMDB_strerror(error);
    return error == MMDB_FILE_OPEN_ERROR ? absl::NotFoundError(what) : absl::DataLossError(what);
  }
  file.is_open = true;
  const uint16_t ip_version = file.mmdb.metadata.ip_version;
  Builder builder;
  if ((ip_version != 4 && ip_version != 6) || !TreeWalk(file.mmdb, name, &builder).Walk(0, 0, 0)) {
    return absl::DataLossError(path + ": the .mmdb file is damaged: fetch it again");
  }
  return builder.Build();
}
#else
absl::StatusOr<EnrichmentTable> EnrichmentTable::ReadMmdb(const std::string& path, const std::string&) {
  return absl::UnimplementedError(path +
                                  ": this flowlogs was built without libmaxminddb, which reads .mmdb: install it "
                                  "(Debian: libmaxminddb-dev) and build "
                                  "flowlogs again");
}
#endif

}  // namespace v1
}  // namespace flowlogs
