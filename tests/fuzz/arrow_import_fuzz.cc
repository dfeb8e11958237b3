// An Arrow stream of which every value, offset, index and length is hostile: scanning it must never read outside of its
// buffers (AddressSanitizer) and must conserve rows. The input is read as a list of choices; what is missing is 0.
//
// The C interface tells nobody how long a buffer is. So each buffer has the size that the lengths and the last offset
// call for, in a heap block of its own, and what is in it comes from the input.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"
#include "lib/io/arrow_type.h"
#include "tests/arrow_maker.h"
#include "tests/fuzz/fuzzing.h"

namespace {

namespace fl = flowlogs;
using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

constexpr int64_t kMostRows = 100;  // of an array that is made, and its offset

class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t Next() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  size_t Below(size_t n) { return Next() % n; }
  // Mostly small, now and then negative or more than is ever read. Nothing between: whoever says so has buffers of
  // gigabytes, and a reader must believe it.
  int64_t Length() {
    const uint8_t kind = Next();
    if (kind < 240) return kind % 40;
    int64_t length = 0;
    for (int i = 0; i < 8; ++i) length = static_cast<int64_t>(static_cast<uint64_t>(length) << 8 | Next());
    return fl::IsArrowLength(length) ? length % (kMostRows + 1) : length;
  }
  std::string Text(size_t size) {
    std::string bytes(size, '\0');
    const size_t there = std::min(size, size_);
    if (there > 0) std::memcpy(bytes.data(), data_, there);
    data_ += there;
    size_ -= there;
    return bytes;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

constexpr const char* kFormats[] = {
    "u", "U", "vu", "z",   "Z",   "vz",   "c",    "C",    "s",       "S",         "i",        "I",  "l",   "L", "f",
    "g", "n", "b",  "tdD", "tdm", "tss:", "tsm:", "tsn:", "d:38,20", "d:18,2,64", "d:9,0,32", "+l", "w:3", "",  "+s"};
constexpr const char* kNames[] = {"srcaddr",      "dstport",    "bytes", "start",
                                  "instance_tag", "log-status", "note",  "action"};

// Bytes of a value of a fixed width; 0: not that.
size_t WidthOf(const std::string& format) {
  if (format.starts_with("ts") || format == "tdm" || format == "l" || format == "L" || format == "g") return 8;
  if (format.starts_with("d:")) return format.ends_with(",64") ? 8 : format.ends_with(",32") ? 4 : 16;
  if (format == "i" || format == "I" || format == "f" || format == "tdD") return 4;
  if (format == "s" || format == "S") return 2;
  return format == "c" || format == "C" ? 1 : 0;
}

template <typename Offset>
void AddOffsets(Choices* choices, size_t rows, ArrowData* data) {
  // Ascending, but for a few.
  std::string offsets;
  Offset at = static_cast<Offset>(choices->Below(4));
  size_t most = static_cast<size_t>(at);
  for (size_t row = 0; row <= rows; ++row) {
    const uint8_t step = choices->Next();
    Offset offset = at = static_cast<Offset>(at + step % 20);
    if (step > 250) offset = static_cast<Offset>(at - 2 * step);
    most = std::max(most, static_cast<size_t>(std::max<Offset>(offset, 0)));
    offsets += Bytes(offset);
  }
  data->buffers.emplace_back(std::move(offsets));
  data->buffers.emplace_back(choices->Text(most));
}

void AddViews(Choices* choices, size_t rows, ArrowData* data) {
  std::string views;
  for (size_t row = 0; row < rows; ++row) {
    const uint8_t kind = choices->Next();
    if (kind < 60) {
      views += choices->Text(16);
      continue;
    }
    views += Bytes(static_cast<int32_t>(kind % 30));
    views += choices->Text(4);
    views += Bytes(static_cast<int32_t>(choices->Below(3)));
    views += Bytes(static_cast<int32_t>(choices->Below(40)));
  }
  data->buffers.emplace_back(std::move(views));
  std::string sizes;
  for (size_t buffer = choices->Below(3); buffer > 0; --buffer) {
    const size_t size = choices->Below(64);
    data->buffers.emplace_back(choices->Text(size));
    sizes += Bytes(static_cast<int64_t>(size));
  }
  data->buffers.emplace_back(std::move(sizes));
}

ArrowData ColumnOf(Choices* choices, const std::string& format, int64_t length, int64_t offset) {
  ArrowData data{length, choices->Below(3) == 0 ? -1 : choices->Length() % 3, offset};
  // Where lengths are beyond reason the buffers are empty: nobody may get as far as to read them.
  const size_t rows = fl::IsArrowLength(length) && fl::IsArrowLength(offset) ? static_cast<size_t>(length + offset) : 0;
  if (format == "n") return data;
  if (choices->Below(2) == 0) {
    data.buffers.emplace_back(choices->Text((rows + 7) / 8));
  } else {
    data.buffers.emplace_back(std::nullopt);
  }
  if (const size_t width = WidthOf(format); width > 0) {
    data.buffers.emplace_back(choices->Text(rows * width));
  } else if (format == "u" || format == "z") {
    AddOffsets<int32_t>(choices, rows, &data);
  } else if (format == "U" || format == "Z") {
    AddOffsets<int64_t>(choices, rows, &data);
  } else if (format[0] == 'v') {
    AddViews(choices, rows, &data);
  }
  // A buffer too few, or none where there was one.
  const uint8_t fault = choices->Next();
  if (fault == 251 && !data.buffers.empty()) data.buffers.pop_back();
  if (fault == 252) data.buffers[choices->Below(data.buffers.size())] = std::nullopt;
  return data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  Choices choices(data, size);
  const size_t columns = choices.Below(5);
  const fl::ScanOptions options = {.threads = 1 + static_cast<int>(choices.Below(3)),
                                   .block_bytes = 4 + choices.Below(100)};
  const bool once = choices.Below(2) == 0;
  ArrowBatches made{{"+s", ""}};
  std::vector<std::string> formats, indices;
  for (size_t c = 0; c < columns; ++c) {
    formats.emplace_back(kFormats[choices.Below(std::size(kFormats))]);
    indices.emplace_back(choices.Below(4) == 0 ? kFormats[6 + choices.Below(8)] : "");
    ArrowTypeTree type{indices[c].empty() ? formats[c] : indices[c], kNames[choices.Below(std::size(kNames))]};
    if (!indices[c].empty()) type.dictionary = {{formats[c]}};
    made.type.children.push_back(std::move(type));
  }
  for (size_t b = choices.Below(4); b > 0; --b) {
    ArrowData batch{choices.Length(), 0, choices.Length() % 8};
    batch.buffers = {std::nullopt};
    for (size_t c = 0; c < columns; ++c) {
      const bool fits = choices.Next() < 240 && fl::IsArrowLength(batch.length);
      const int64_t length = fits ? batch.length + std::max<int64_t>(batch.offset, 0) : choices.Length();
      const int64_t offset = choices.Length();
      ArrowData column = ColumnOf(&choices, indices[c].empty() ? formats[c] : indices[c], length, offset);
      if (!indices[c].empty() && choices.Next() < 250) {
        const int64_t values = choices.Length(), skipped = choices.Length();
        column.dictionary.push_back(ColumnOf(&choices, formats[c], values, skipped));
      }
      batch.children.push_back(std::move(column));
    }
    made.batches.push_back(std::move(batch));
  }
  if (choices.Below(8) == 0) made.error = "the end of the stream";

  const fl::Query scan = fl::Scan({once ? made.Once() : made.Again()}, options);
  if (choices.Below(2) == 0) {
    const absl::StatusOr<fl::Stats> stats = scan.Check();
    if (!stats.ok()) return 0;
    Require(stats->lines == stats->records, "a row that is no record");
    Require(stats->complete == stats->errors.empty(), "damage is told");
  }
  auto stream = (once ? fl::Scan({made.Once()}, options) : scan).Records();
  if (!stream.ok()) return 0;
  uint64_t rows = 0;
  for (;;) {
    const absl::StatusOr<fl::RecordChunk> chunk = (*stream)->Next();
    if (!chunk.ok() || chunk->groups.empty()) break;
    for (const auto& group : chunk->groups) {
      rows += group.line_numbers.size();
      Require(
          static_cast<size_t>(std::count(group.lines.begin(), group.lines.end(), '\n')) == group.line_numbers.size(),
          "one line a row");
    }
  }
  Require((*stream)->stats().records == rows, "records");
  (void)fl::Scan({made.Once()}, options)
      .GroupBy({"srcaddr", "action"})
      .Aggregate({"sum(bytes)", "max(start)"})
      .Once()
      .Collect();
  return 0;
}
