// Arrow as some other library would hand it over: schemas, arrays and streams made by hand, every buffer in a heap
// block of exactly its size; and columns of a random type that hold given tokens of a log.
#ifndef FLOWLOGS_TESTS_ARROW_MAKER_H_
#define FLOWLOGS_TESTS_ARROW_MAKER_H_

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/io/arrow_abi.h"
#include "flowlogs/io/source.h"
#include "flowlogs/schema/field.h"
#include "tests/random_log.h"

namespace flowlogs_test {

// ---- The structs, by hand
// ---------------------------------------------------------------------------------------------

// A type. A value; Export() makes the struct.
struct ArrowTypeTree {
  std::string format;
  std::string name = "";
  std::vector<ArrowTypeTree> children = {};
  std::vector<ArrowTypeTree> dictionary = {};  // none or one

  void Export(ArrowSchema* out) const {
    struct Owned {
      std::string format, name;
      std::vector<ArrowSchema> children;
      std::vector<ArrowSchema*> pointers;
      ArrowSchema dictionary{};
    };
    auto* owned = new Owned{format, name, std::vector<ArrowSchema>(children.size()), {}};
    for (size_t i = 0; i < children.size(); ++i) {
      children[i].Export(&owned->children[i]);
      owned->pointers.push_back(&owned->children[i]);
    }
    if (!dictionary.empty()) dictionary[0].Export(&owned->dictionary);
    *out = {};
    out->format = owned->format.c_str();
    out->name = owned->name.c_str();
    out->flags = ARROW_FLAG_NULLABLE;
    out->n_children = static_cast<int64_t>(children.size());
    out->children = owned->pointers.data();
    out->dictionary = dictionary.empty() ? nullptr : &owned->dictionary;
    out->private_data = owned;
    out->release = [](ArrowSchema* schema) {
      auto* data = static_cast<Owned*>(schema->private_data);
      for (ArrowSchema& child : data->children) child.release(&child);
      if (data->dictionary.release != nullptr) data->dictionary.release(&data->dictionary);
      schema->release = nullptr;
      delete data;
    };
  }
};

// An array. A value; Export() makes the struct. A buffer that is nullopt is a null pointer.
struct ArrowData {
  int64_t length = 0;
  int64_t null_count = 0;
  int64_t offset = 0;
  std::vector<std::optional<std::string>> buffers = {};
  std::vector<ArrowData> children = {};
  std::vector<ArrowData> dictionary = {};  // none or one

  void Export(ArrowArray* out) const {
    struct Owned {
      std::vector<std::unique_ptr<char[]>> blocks;
      std::vector<const void*> buffers;
      std::vector<ArrowArray> children;
      std::vector<ArrowArray*> pointers;
      ArrowArray dictionary{};
    };
    auto* owned = new Owned;
    for (const auto& buffer : buffers) {
      owned->blocks.emplace_back(buffer ? new char[buffer->size()] : nullptr);
      if (buffer) std::memcpy(owned->blocks.back().get(), buffer->data(), buffer->size());
      owned->buffers.push_back(owned->blocks.back().get());
    }
    owned->children.resize(children.size());
    for (size_t i = 0; i < children.size(); ++i) {
      children[i].Export(&owned->children[i]);
      owned->pointers.push_back(&owned->children[i]);
    }
    if (!dictionary.empty()) dictionary[0].Export(&owned->dictionary);
    *out = {};
    out->length = length;
    out->null_count = null_count;
    out->offset = offset;
    out->n_buffers = static_cast<int64_t>(buffers.size());
    out->n_children = static_cast<int64_t>(children.size());
    out->buffers = owned->buffers.data();
    out->children = owned->pointers.data();
    out->dictionary = dictionary.empty() ? nullptr : &owned->dictionary;
    out->private_data = owned;
    out->release = [](ArrowArray* array) {
      auto* data = static_cast<Owned*>(array->private_data);
      for (ArrowArray& child : data->children) {
        if (child.release != nullptr) child.release(&child);
      }
      if (data->dictionary.release != nullptr) data->dictionary.release(&data->dictionary);
      array->release = nullptr;
      delete data;
    };
  }
};

// A stream of batches; with an `error`, get_next fails behind the last one. `released`, if given, counts releases.
struct ArrowBatches {
  ArrowTypeTree type;
  std::vector<ArrowData> batches = {};
  std::string error = "";
  int* released = nullptr;

  void Export(ArrowArrayStream* out) const {
    struct Owned {
      ArrowBatches batches;
      size_t next = 0;
    };
    *out = {};
    out->private_data = new Owned{*this};
    out->get_schema = [](ArrowArrayStream* stream, ArrowSchema* schema) {
      static_cast<Owned*>(stream->private_data)->batches.type.Export(schema);
      return 0;
    };
    out->get_next = [](ArrowArrayStream* stream, ArrowArray* array) {
      auto* owned = static_cast<Owned*>(stream->private_data);
      *array = {};
      if (owned->next < owned->batches.batches.size()) {
        owned->batches.batches[owned->next++].Export(array);
        return 0;
      }
      return owned->batches.error.empty() ? 0 : EIO;
    };
    out->get_last_error = [](ArrowArrayStream* stream) {
      return static_cast<Owned*>(stream->private_data)->batches.error.c_str();
    };
    out->release = [](ArrowArrayStream* stream) {
      auto* owned = static_cast<Owned*>(stream->private_data);
      if (owned->batches.released != nullptr) ++*owned->batches.released;
      stream->release = nullptr;
      delete owned;
    };
  }

  // Can be read once.
  flowlogs::Source Once(std::string name = "<arrow>") const {
    ArrowArrayStream stream;
    Export(&stream);
    return flowlogs::Source::Arrow(&stream, std::move(name));
  }
  // Gives a new stream each time.
  flowlogs::Source Again(std::string name = "<arrow>") const {
    auto shared = std::make_shared<const ArrowBatches>(*this);
    return flowlogs::Source::Arrow(
        [shared](ArrowArrayStream* stream) {
          shared->Export(stream);
          return absl::OkStatus();
        },
        true, std::move(name));
  }
};

// The bytes of a value.
template <typename T>
std::string Bytes(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}
template <typename T>
std::string Bytes(std::initializer_list<T> values) {
  std::string bytes;
  for (T value : values) bytes += Bytes(value);
  return bytes;
}

// ---- Columns of random types
// --------------------------------------------------------------------------------------------

// nullopt: missing.
using ArrowCells = std::vector<std::optional<std::string>>;

struct ArrowColumnMade {
  ArrowTypeTree type;
  std::vector<ArrowData> batches;
};

// Puts the tokens of a log into Arrow: each column in one of the types that can hold all its values, at random.
class ArrowMaker {
 public:
  explicit ArrowMaker(Random* random) : random_(*random) {}

  // `only_text`: so that lines can be written as they were. `rows[i][c]`: "-" is missing.
  ArrowBatches Make(const std::vector<std::string>& names, const std::vector<std::vector<std::string>>& rows,
                    bool only_text) {
    // Batches of all sizes, empty ones too.
    std::vector<size_t> ends;
    for (size_t end = 0; end < rows.size() || ends.empty();) {
      const size_t most = random_.Chance(0.5) ? rows.size() : 20;
      end = std::min(rows.size(), end + random_.Below(most + 1));
      ends.push_back(end);
      if (rows.empty()) break;
    }
    ArrowBatches made{{"+s", ""}};
    made.batches.resize(ends.size());
    for (size_t b = 0, begin = 0; b < ends.size(); begin = ends[b++]) {
      // What stands before the rows of a batch: of the batch itself, and further in front of each column.
      made.batches[b].offset = random_.Chance(0.3) ? static_cast<int64_t>(random_.Below(20)) : 0;
      made.batches[b].length = static_cast<int64_t>(ends[b] - begin);
      made.batches[b].null_count = random_.Chance(0.5) ? -1 : 0;
      made.batches[b].buffers = {std::nullopt};
    }
    for (size_t c = 0; c < names.size(); ++c) {
      ArrowCells cells;
      for (const auto& row : rows) cells.push_back(row[c] == "-" ? std::nullopt : std::optional(row[c]));
      Encoding encoding = Choose(names[c], cells, only_text);
      made.type.children.push_back(TypeOf(encoding, WrittenName(names[c])));
      for (size_t b = 0, begin = 0; b < ends.size(); begin = ends[b++]) {
        ArrowCells part(static_cast<size_t>(made.batches[b].offset), Leading(encoding));
        part.insert(part.end(), cells.begin() + static_cast<std::ptrdiff_t>(begin),
                    cells.begin() + static_cast<std::ptrdiff_t>(ends[b]));
        made.batches[b].children.push_back(encoding.has_dictionary ? WithDictionary(encoding, part)
                                                                   : Column(encoding, part));
      }
    }
    return made;
  }

 private:
  struct Encoding {
    std::string format;
    bool has_dictionary = false;
    std::string index = "";
    int scale = 0;           // of a decimal
    int64_t per_second = 0;  // of a timestamp
    bool is_text = false;
    std::vector<std::string> leading = {};  // a token that may stand in front of the rows
  };

  std::string WrittenName(std::string name) {
    if (flowlogs::FindField(name) && random_.Chance(0.8)) std::replace(name.begin(), name.end(), '-', '_');
    return name;
  }

  std::optional<std::string> Leading(const Encoding& encoding) {
    return encoding.leading.empty() ? std::nullopt : std::optional(encoding.leading[0]);
  }

  // A number as it is written, if the text is one: no leading zero, within 64 bits.
  static std::optional<uint64_t> NumberOf(const std::string& text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || (text.size() > 1 && text[0] == '0')) {
      return std::nullopt;
    }
    return number;
  }

  Encoding Choose(const std::string& name, const ArrowCells& cells, bool only_text) {
    std::vector<Encoding> fitting;
    for (const char* format : {"u", "U", "vu", "z", "Z", "vz"}) {
      fitting.push_back({format});
      fitting.back().is_text = true;
    }
    bool numbers = !only_text, empty = true;
    uint64_t most = 0;
    for (const auto& cell : cells) {
      if (!cell) continue;
      fitting[0].leading = {*cell};
      empty = false;
      const std::optional<uint64_t> number = NumberOf(*cell);
      numbers &= number.has_value();
      most = std::max(most, number.value_or(0));
    }
    for (Encoding& each : fitting) each.leading = fitting[0].leading;
    const std::vector<std::string> leading = fitting[0].leading;
    std::vector<Encoding> others;
    auto add = [&](std::string format) {
      others.push_back({std::move(format)});
      others.back().leading = leading;
    };
    if (empty && !only_text) add("n");
    if (numbers) {
      for (const auto& [format, limit] :
           std::initializer_list<std::pair<const char*, uint64_t>>{{"c", INT8_MAX},
                                                                   {"C", UINT8_MAX},
                                                                   {"s", INT16_MAX},
                                                                   {"S", UINT16_MAX},
                                                                   {"i", INT32_MAX},
                                                                   {"I", UINT32_MAX},
                                                                   {"l", INT64_MAX},
                                                                   {"L", UINT64_MAX},
                                                                   {"f", 1 << 24},
                                                                   {"g", uint64_t{1} << 53}}) {
        if (most <= limit) add(format);
      }
      const int scale = static_cast<int>(random_.Below(4));
      for (const auto& [bits, limit] : std::initializer_list<std::pair<const char*, uint64_t>>{
               {"128", UINT64_MAX}, {"64", 1'000'000'000'000'000}, {"32", 2'000'000}}) {
        if (most > limit) continue;
        add("d:38," + std::to_string(scale) + "," + bits);
        others.back().scale = scale;
      }
      const std::optional<flowlogs::Field> field = flowlogs::FindField(name);
      if (field && flowlogs::Info(*field).type == flowlogs::ValueType::kTime && most < 100'000'000'000) {
        for (const auto& [format, per_second] : std::initializer_list<std::pair<const char*, int64_t>>{
                 {"tss:UTC", 1}, {"tsm:", 1000}, {"tsu:Europe/Berlin", 1'000'000}, {"tdm", 1000}}) {
          add(format);
          others.back().per_second = per_second;
        }
        if (most < 9'000'000'000) {
          add("tsn:");
          others.back().per_second = 1'000'000'000;
        }
      }
    }
    Encoding chosen = !others.empty() && random_.Chance(0.8) ? random_.Of(others) : random_.Of(fitting);
    if (chosen.format != "n" && random_.Chance(0.25)) {
      chosen.has_dictionary = true;
      chosen.index = random_.Of({"i", "s", "C", "c", "I", "l", "L", "S"});
      if (cells.size() > 60 && (chosen.index == "c" || chosen.index == "C")) chosen.index = "i";
    }
    return chosen;
  }

  static ArrowTypeTree TypeOf(const Encoding& encoding, std::string name) {
    if (!encoding.has_dictionary) return {encoding.format, std::move(name)};
    return {encoding.index, std::move(name), {}, {{encoding.format}}};
  }

  // Fewer or more values than are used, in any order, perhaps some of them null or twice.
  ArrowData WithDictionary(const Encoding& encoding, const ArrowCells& cells) {
    ArrowCells values;
    for (const auto& cell : cells) {
      if (cell && (random_.Chance(0.1) || std::find(values.begin(), values.end(), cell) == values.end())) {
        values.push_back(cell);
      }
    }
    if (random_.Chance(0.3)) values.insert(values.begin(), std::nullopt);
    std::shuffle(values.begin(), values.end(), random_.engine());
    if (values.size() > 120) values.resize(120);  // below every index type's end; what is cut is appended by need
    Encoding plain = encoding;
    plain.has_dictionary = false;
    Encoding index;
    index.format = encoding.index;
    ArrowCells indices;
    for (const auto& cell : cells) {
      const auto found = std::find(values.begin(), values.end(), cell);
      if (found == values.end() && !cell) {
        indices.push_back(std::nullopt);
        continue;
      }
      indices.push_back(std::to_string(found - values.begin()));
      if (found == values.end()) values.push_back(cell);
    }
    ArrowData data = Column(index, indices);
    data.dictionary.push_back(Column(plain, values));
    return data;
  }

  // Bits of a bitmap, from the lowest up, with noise behind them.
  std::string Bitmap(const std::vector<bool>& bits) {
    std::string bytes((bits.size() + 7) / 8, random_.Chance(0.5) ? '\0' : '\xff');
    for (size_t i = 0; i < bits.size(); ++i) {
      const char bit = static_cast<char>(1 << (i % 8));
      bytes[i / 8] = static_cast<char>(bits[i] ? bytes[i / 8] | bit : bytes[i / 8] & ~bit);
    }
    return bytes;
  }

  ArrowData Column(const Encoding& encoding, ArrowCells cells) {
    ArrowData data;
    data.length = static_cast<int64_t>(cells.size());
    data.offset = random_.Chance(0.3) ? static_cast<int64_t>(random_.Below(20)) : 0;
    if (encoding.format == "n") {
      data.null_count = data.length;
      return data;
    }
    cells.insert(cells.begin(), static_cast<size_t>(data.offset), Leading(encoding));
    std::vector<bool> present;
    for (auto& cell : cells) {
      // A missing value is null, or, of a text, perhaps one of the texts for it.
      if (!cell && encoding.is_text && random_.Chance(0.4)) cell = random_.Of({"-", "", "None"});
      present.push_back(cell.has_value());
    }
    const int64_t nulls = std::count(present.begin() + data.offset, present.end(), false);
    data.null_count = random_.Chance(0.4) ? -1 : nulls;
    const bool has_bitmap = std::count(present.begin(), present.end(), false) > 0 || random_.Chance(0.3);
    data.buffers.push_back(has_bitmap ? std::optional(Bitmap(present)) : std::nullopt);
    if (data.null_count == 0 || !has_bitmap) data.null_count = nulls == 0 ? data.null_count : -1;
    const char kind = encoding.format[0];
    if (!encoding.is_text) {
      std::string values;
      for (const auto& cell : cells) values += Value(encoding, cell ? *NumberOf(*cell) : random_.Below(1000));
      data.buffers.push_back(std::move(values));
    } else if (kind == 'v') {
      AppendViews(cells, &data);
    } else if (kind == 'u' || kind == 'z') {
      AppendTexts<int32_t>(cells, &data);
    } else {
      AppendTexts<int64_t>(cells, &data);
    }
    return data;
  }

  std::string Value(const Encoding& encoding, uint64_t number) {
    if (encoding.per_second > 0) {
      // Rounded down again when it is read.
      const uint64_t rest = random_.Below(static_cast<size_t>(encoding.per_second));
      return Bytes(static_cast<int64_t>(number * static_cast<uint64_t>(encoding.per_second) + rest));
    }
    switch (encoding.format[0]) {
      case 'c':
      case 'C':
        return Bytes(static_cast<uint8_t>(number));
      case 's':
      case 'S':
        return Bytes(static_cast<uint16_t>(number));
      case 'i':
      case 'I':
        return Bytes(static_cast<uint32_t>(number));
      case 'f':
        return Bytes(static_cast<float>(number));
      case 'g':
        return Bytes(static_cast<double>(number));
      case 'd': {
        __extension__ __int128 scaled = number;
        for (int i = 0; i < encoding.scale; ++i) scaled *= 10;
        if (encoding.format.ends_with(",32")) return Bytes(static_cast<int32_t>(scaled));
        if (encoding.format.ends_with(",64")) return Bytes(static_cast<int64_t>(scaled));
        return Bytes(scaled);
      }
      default:
        return Bytes(number);
    }
  }

  template <typename Offset>
  void AppendTexts(const ArrowCells& cells, ArrowData* data) {
    std::string chars(random_.Chance(0.3) ? random_.Below(9) : 0, '?');
    std::string offsets = Bytes(static_cast<Offset>(chars.size()));
    for (const auto& cell : cells) {
      if (cell) {
        chars += *cell;
      } else if (random_.Chance(0.3)) {
        chars += "under a null";
      }
      offsets += Bytes(static_cast<Offset>(chars.size()));
    }
    data->buffers.push_back(std::move(offsets));
    data->buffers.push_back(std::move(chars));
  }

  void AppendViews(const ArrowCells& cells, ArrowData* data) {
    std::vector<std::string> buffers(1 + random_.Below(3));
    std::string views;
    for (const auto& cell : cells) {
      if (!cell) {
        // Nothing that stands under a null is looked at.
        for (int i = 0; i < 4; ++i) views += Bytes(static_cast<uint32_t>(random_.Chance(0.5) ? 0 : random_.engine()()));
      } else if (cell->size() <= 12) {
        views += Bytes(static_cast<int32_t>(cell->size())) + *cell + std::string(12 - cell->size(), '\0');
      } else {
        const size_t buffer = random_.Below(buffers.size());
        views += Bytes(static_cast<int32_t>(cell->size())) + cell->substr(0, 4) + Bytes(static_cast<int32_t>(buffer)) +
                 Bytes(static_cast<int32_t>(buffers[buffer].size()));
        buffers[buffer] += *cell;
      }
    }
    data->buffers.push_back(std::move(views));
    std::string sizes;
    for (std::string& buffer : buffers) {
      sizes += Bytes(static_cast<int64_t>(buffer.size()));
      data->buffers.push_back(std::move(buffer));
    }
    data->buffers.push_back(std::move(sizes));
  }

  Random& random_;
};

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_ARROW_MAKER_H_
