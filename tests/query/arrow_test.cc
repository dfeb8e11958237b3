#include "flowlogs/query/arrow.h"

#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace flowlogs {
namespace {

// ---- A consumer that knows nothing but the specification ------------------------------------------------------------

struct SchemaHolder : ArrowSchema {
  SchemaHolder() : ArrowSchema() {}
  SchemaHolder(const SchemaHolder&) = delete;
  SchemaHolder& operator=(const SchemaHolder&) = delete;
  ~SchemaHolder() {
    if (release != nullptr) release(this);
  }
};
struct ArrayHolder : ArrowArray {
  ArrayHolder() : ArrowArray() {}
  ArrayHolder(const ArrayHolder&) = delete;
  ArrayHolder& operator=(const ArrayHolder&) = delete;
  ~ArrayHolder() {
    if (release != nullptr) release(this);
  }
};
struct StreamHolder : ArrowArrayStream {
  StreamHolder() : ArrowArrayStream() {}
  StreamHolder(const StreamHolder&) = delete;
  StreamHolder& operator=(const StreamHolder&) = delete;
  ~StreamHolder() {
    if (release != nullptr) release(this);
  }
};

using Cell = std::optional<std::string>;
using Cells = std::vector<Cell>;

template <typename T>
T Read(const void* buffer, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(buffer) + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

bool IsPresent(const ArrowArray& array, int64_t row) {
  return array.buffers[0] == nullptr || (Read<uint8_t>(array.buffers[0], row / 8) >> row % 8 & 1) != 0;
}

std::string ViewText(const ArrowArray& array, int64_t row) {
  const char* const view = static_cast<const char*>(array.buffers[1]) + 16 * row;
  const int32_t length = Read<int32_t>(view, 0);
  if (length <= 12) {
    for (int32_t i = length; i < 12; ++i) EXPECT_EQ(view[4 + i], 0) << "padding of row " << row;
    return std::string(view + 4, static_cast<size_t>(length));
  }
  const int32_t buffer = Read<int32_t>(view, 2);
  const int32_t offset = Read<int32_t>(view, 3);
  EXPECT_GE(buffer, 0);
  EXPECT_LT(buffer, array.n_buffers - 3);
  EXPECT_LE(int64_t{offset} + length, Read<int64_t>(array.buffers[array.n_buffers - 1], buffer));
  const std::string text(static_cast<const char*>(array.buffers[2 + buffer]) + offset, static_cast<size_t>(length));
  EXPECT_EQ(std::memcmp(view + 4, text.data(), 4), 0) << "prefix of row " << row;
  return text;
}

template <typename Offset>
std::string OffsetText(const ArrowArray& array, int64_t row) {
  const Offset begin = Read<Offset>(array.buffers[1], row);
  const Offset end = Read<Offset>(array.buffers[1], row + 1);
  EXPECT_LE(begin, end);
  return std::string(static_cast<const char*>(array.buffers[2]) + begin, static_cast<size_t>(end - begin));
}

// The values of a column of a batch. Checks what the format promises of buffers.
Cells ReadColumn(std::string_view format, const ArrowArray& array) {
  EXPECT_EQ(array.offset, 0);
  EXPECT_EQ(array.n_children, 0);
  EXPECT_EQ(array.dictionary, nullptr);
  const int64_t min_buffers = format == "vu" ? 3 : format == "u" || format == "U" ? 3 : 2;
  EXPECT_GE(array.n_buffers, min_buffers);
  for (int64_t i = 1; i < array.n_buffers; ++i) {
    EXPECT_NE(array.buffers[i], nullptr);
    EXPECT_EQ(std::bit_cast<uintptr_t>(array.buffers[i]) % 8, 0u);
  }
  if (array.null_count == 0) {
    EXPECT_EQ(array.buffers[0], nullptr);
  } else if (array.length % 8 != 0) {
    EXPECT_EQ(Read<uint8_t>(array.buffers[0], array.length / 8) >> array.length % 8, 0) << "bits behind the end";
  }
  if (format == "u") {
    EXPECT_EQ(Read<int32_t>(array.buffers[1], 0), 0);
  }
  if (format == "U") {
    EXPECT_EQ(Read<int64_t>(array.buffers[1], 0), 0);
  }
  Cells cells;
  int64_t nulls = 0;
  for (int64_t row = 0; row < array.length; ++row) {
    // The value of a null is read too: it must be there.
    Column value("", format == "g" ? ColumnType::kDouble : ColumnType::kInt64);
    std::string text;
    if (format == "i") {
      value.AppendInt(Read<int32_t>(array.buffers[1], row));
    } else if (format == "l" || format == "tss:UTC") {
      value.AppendInt(Read<int64_t>(array.buffers[1], row));
    } else if (format == "g") {
      value.AppendDouble(Read<double>(array.buffers[1], row));
    } else if (format == "vu") {
      text = ViewText(array, row);
    } else if (format == "u") {
      text = OffsetText<int32_t>(array, row);
    } else if (format == "U") {
      text = OffsetText<int64_t>(array, row);
    } else {
      ADD_FAILURE() << format;
    }
    if (value.size() > 0) text = value.ToText(0);
    if (IsPresent(array, row)) {
      cells.emplace_back(text);
    } else {
      cells.emplace_back();
      ++nulls;
    }
  }
  EXPECT_EQ(array.null_count, nulls);
  return cells;
}

struct Answer {
  std::vector<std::string> names;
  std::vector<std::string> formats;
  std::vector<Cells> columns;
  std::vector<int64_t> batches;  // rows of each
  int error = 0;
  std::string message;
};

// Reads a stream to its end. Releases it.
Answer ReadAll(ArrowArrayStream* stream) {
  Answer answer;
  SchemaHolder schema;
  EXPECT_EQ(stream->get_schema(stream, &schema), 0);
  EXPECT_STREQ(schema.format, "+s");
  for (int64_t i = 0; i < schema.n_children; ++i) {
    EXPECT_EQ(schema.children[i]->flags, ARROW_FLAG_NULLABLE);
    answer.names.emplace_back(schema.children[i]->name);
    answer.formats.emplace_back(schema.children[i]->format);
  }
  answer.columns.resize(answer.names.size());
  for (;;) {
    ArrayHolder batch;
    answer.error = stream->get_next(stream, &batch);
    if (answer.error != 0) {
      EXPECT_EQ(batch.release, nullptr);
      answer.message = stream->get_last_error(stream);
      break;
    }
    if (batch.release == nullptr) break;
    EXPECT_GT(batch.length, 0);
    EXPECT_EQ(batch.null_count, 0);
    EXPECT_EQ(batch.n_buffers, 1);
    EXPECT_EQ(batch.buffers[0], nullptr);
    EXPECT_EQ(batch.n_children, schema.n_children);
    for (int64_t i = 0; i < batch.n_children; ++i) {
      EXPECT_EQ(batch.children[i]->length, batch.length);
      Cells cells = ReadColumn(answer.formats[static_cast<size_t>(i)], *batch.children[i]);
      Cells& all = answer.columns[static_cast<size_t>(i)];
      all.insert(all.end(), cells.begin(), cells.end());
    }
    answer.batches.push_back(batch.length);
  }
  stream->release(stream);
  EXPECT_EQ(stream->release, nullptr);
  return answer;
}

Answer ReadTable(Table table, const ArrowOptions& options = {}) {
  ArrowArrayStream stream;
  ExportStream(std::make_shared<const Table>(std::move(table)), options, &stream);
  return ReadAll(&stream);
}

Cells CellsOf(const Column& column) {
  Cells cells;
  for (size_t row = 0; row < column.size(); ++row) {
    column.is_null(row) ? cells.emplace_back() : cells.emplace_back(column.ToText(row));
  }
  return cells;
}

void ExpectSame(const Answer& answer, const Table& table) {
  ASSERT_EQ(answer.columns.size(), table.num_columns());
  for (size_t i = 0; i < table.num_columns(); ++i) {
    EXPECT_EQ(answer.names[i], table.columns()[i].name());
    EXPECT_EQ(answer.columns[i], CellsOf(table.columns()[i])) << answer.names[i];
  }
}

// A table of all types. Every `null_every`th value is null (0: none), another row in each column.
Table Mixed(size_t rows, size_t null_every = 0, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<Column> columns = {Column("port", ColumnType::kInt32),        Column("bytes", ColumnType::kInt64),
                                 Column("start", ColumnType::kInt64, true), Column("mean", ColumnType::kDouble),
                                 Column("interface_id", ColumnType::kText), Column("srcaddr", ColumnType::kAddress)};
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < columns.size(); ++c) {
      Column& column = columns[c];
      const uint64_t r = random();
      if (null_every > 0 && (row + c) % null_every == 0) {
        column.AppendNull();
      } else if (c == 0) {
        column.AppendInt(static_cast<int32_t>(r));
      } else if (column.type() == ColumnType::kInt64) {
        column.AppendInt(static_cast<int64_t>(r));
      } else if (column.type() == ColumnType::kDouble) {
        column.AppendDouble(static_cast<double>(r % 100000) / 7);
      } else if (column.type() == ColumnType::kText) {
        column.AppendText(std::string(r % 30, static_cast<char>('a' + r % 26)));
      } else {
        r % 3 == 0 ? column.AppendAddress(*IpAddress::Parse("2001:db8::" + std::to_string(r % 9999)))
                   : column.AppendAddress(IpAddress::V4(static_cast<uint32_t>(r >> 32)));
      }
    }
  }
  return Table(std::move(columns), Stats());
}

Table Texts(const std::vector<Cell>& values, std::string name = "text") {
  Column column(std::move(name), ColumnType::kText);
  for (const Cell& value : values) value ? column.AppendText(*value) : column.AppendNull();
  return Table({std::move(column)}, Stats());
}

// A run as a test wants it: its tables, then a status.
class FakeRun final : public TableStream {
 public:
  FakeRun(std::vector<Table> tables, absl::Status end, Stats stats = {}, bool* gone = nullptr)
      : schema_(tables.at(0)),
        tables_(std::move(tables)),
        end_(std::move(end)),
        stats_(std::move(stats)),
        gone_(gone) {}
  ~FakeRun() override {
    if (gone_ != nullptr) *gone_ = true;
  }
  absl::StatusOr<Table> Next() override {
    if (next_ < tables_.size()) return tables_[next_++];
    if (!end_.ok()) return end_;
    return Table(Schema(), stats_);
  }
  const Stats& stats() const override { return stats_; }
  std::vector<Column> Schema() const override {
    std::vector<Column> columns;
    for (const Column& c : schema_.columns()) columns.emplace_back(c.name(), c.type(), c.is_time());
    return columns;
  }

 private:
  Table schema_;
  std::vector<Table> tables_;
  size_t next_ = 0;
  absl::Status end_;
  Stats stats_;
  bool* gone_;
};

Answer ReadRun(std::unique_ptr<TableStream> run, const ArrowOptions& options = {}) {
  ArrowArrayStream stream;
  ExportStream(std::move(run), options, &stream);
  return ReadAll(&stream);
}

// ---- Types and values -----------------------------------------------------------------------------------------------

TEST(ArrowTest, EveryTypeLeavesAsItIs) {
  const Table table = Mixed(100);
  const Answer answer = ReadTable(table);
  EXPECT_EQ(answer.formats, (std::vector<std::string>{"i", "l", "l", "g", "vu", "vu"}));
  ExpectSame(answer, table);
}

TEST(ArrowTest, NullsLeaveAsNulls) {
  for (size_t rows = 1; rows < 40; ++rows) {
    for (size_t every : {1, 2, 3, 7, 9, 17}) ExpectSame(ReadTable(Mixed(rows, every)), Mixed(rows, every));
  }
}

TEST(ArrowTest, FirstNullMayComeLate) {
  for (size_t before : {1, 7, 8, 9, 15, 16, 17, 64}) {
    std::vector<Cell> values(before, "x");
    values.resize(before + 1);
    values.resize(before + 10, "y");
    const Table table = Texts(values);
    for (size_t batch : {size_t{65536}, before, before + 1}) ExpectSame(ReadTable(table, {.batch_rows = batch}), table);
  }
}

TEST(ArrowTest, TimesAreTimestampsIfAsked) {
  const Table table = Mixed(20, 3);
  const Answer answer = ReadTable(table, {.times = true});
  EXPECT_EQ(answer.formats, (std::vector<std::string>{"i", "l", "tss:UTC", "g", "vu", "vu"}));
  ExpectSame(answer, table);
}

TEST(ArrowTest, TextsOfEveryLengthAreViews) {
  std::vector<Cell> values;
  for (size_t length = 0; length < 40; ++length) {
    values.push_back(std::string(length, static_cast<char>('0' + length)));
    if (length % 5 == 0) values.emplace_back();
  }
  ExpectSame(ReadTable(Texts(values)), Texts(values));
  ExpectSame(ReadTable(Texts({"short", "only"})), Texts({"short", "only"}));
  ExpectSame(ReadTable(Texts({{}, {}})), Texts({{}, {}}));
}

TEST(ArrowTest, BytesThatAreNotUtf8AreEscaped) {
  const Table table = Texts({"plain",
                             "caf\xC3\xA9",
                             "\xFF",
                             "a\xC3",
                             "\xE2\x82"
                             "b",
                             {},
                             "\xED\xA0\x80",
                             "\xF0\x9F\x98\x80 long enough"});
  const Cells wanted = {"plain",
                        "caf\xC3\xA9",
                        "\\xff",
                        "a\\xc3",
                        "\\xe2\\x82"
                        "b",
                        {},
                        "\\xed\\xa0\\x80",
                        "\xF0\x9F\x98\x80 long enough"};
  EXPECT_EQ(ReadTable(table).columns[0], wanted);
  // Inline or not is decided by what leaves.
  EXPECT_EQ(ReadTable(Texts({"12345678901\xFF", std::string("nul\0inside", 10)})).columns[0],
            (Cells{"12345678901\\xff", std::string("nul\0inside", 10)}));
  const Answer named = ReadTable(Texts({"x"}, std::string("n\xFF\0m", 4)));
  EXPECT_EQ(named.names[0], "n\\xff\\x00m");
}

// ---- What the consumer asks for -------------------------------------------------------------------------------------

// A schema as a consumer would bring it.
class Wish {
 public:
  Wish(std::initializer_list<std::pair<const char*, const char*>> fields) : children_(fields.size()) {
    for (const auto& [name, format] : fields) {
      ArrowSchema& child = children_[pointers_.size()];
      child = {};
      child.name = name;
      child.format = format;
      pointers_.push_back(&child);
    }
    schema_ = {};
    schema_.format = "+s";
    schema_.n_children = static_cast<int64_t>(fields.size());
    schema_.children = pointers_.data();
  }
  Wish(const Wish&) = delete;  // the schema points into it
  Wish& operator=(const Wish&) = delete;
  const ArrowSchema* get() const { return &schema_; }

 private:
  std::vector<ArrowSchema> children_;
  std::vector<ArrowSchema*> pointers_;
  ArrowSchema schema_;
};

TEST(ArrowTest, ConsumerMayAskForOffsets) {
  const Table table = Mixed(1000, 4);
  const Wish wish{{"srcaddr", "U"}, {"interface_id", "u"}};  // by name: the order is another one
  const Answer answer = ReadTable(table, {.requested = wish.get(), .batch_rows = 300});
  EXPECT_EQ(answer.formats, (std::vector<std::string>{"i", "l", "l", "g", "u", "U"}));
  ExpectSame(answer, table);
  EXPECT_EQ(ReadTable(Texts({{}, {}, ""}), {.requested = Wish{{"text", "u"}}.get()}).columns[0], (Cells{{}, {}, ""}));
}

TEST(ArrowTest, ConsumerMayAskForTimes) {
  const Table table = Mixed(10, 4);
  const Wish stamps{{"start", "tsu:UTC"}};
  EXPECT_EQ(ReadTable(table, {.requested = stamps.get()}).formats[2], "tss:UTC");
  const Wish integers{{"start", "l"}};
  EXPECT_EQ(ReadTable(table, {.times = true, .requested = integers.get()}).formats[2], "l");
}

TEST(ArrowTest, WishesThatCannotBeMetAreLeftOut) {
  const Table table = Mixed(10, 4);
  const Wish wish{{"port", "s"}, {"bytes", "u"}, {"other", "u"}, {"interface_id", "i"}, {"srcaddr", "w:16"}};
  EXPECT_EQ(ReadTable(table, {.requested = wish.get()}).formats, ReadTable(table).formats);
  ArrowSchema not_a_struct = {};
  not_a_struct.format = "i";
  EXPECT_EQ(ReadTable(table, {.requested = &not_a_struct}).formats, ReadTable(table).formats);
}

// ---- Batches --------------------------------------------------------------------------------------------------------

TEST(ArrowTest, BatchesHaveAbout64kRows) {
  const Table table = Mixed(150'000, 11);
  const Answer answer = ReadTable(table);
  EXPECT_EQ(answer.batches, (std::vector<int64_t>{65536, 65536, 18928}));
  ExpectSame(answer, table);
}

TEST(ArrowTest, TablesOfARunAreJoinedAndCut) {
  std::mt19937_64 random(7);
  for (size_t batch_rows : {1, 5, 64, 1000}) {
    std::vector<Table> tables;
    std::vector<Column> all = Mixed(0).mutable_columns();
    for (uint64_t seed = 0; seed < 30; ++seed) {
      tables.push_back(Mixed(1 + random() % 40, random() % 3 == 0 ? 5 : 0, seed));
      for (size_t c = 0; c < all.size(); ++c) {
        for (size_t row = 0; row < tables.back().num_rows(); ++row) all[c].AppendFrom(tables.back().columns()[c], row);
      }
    }
    const Table wanted(std::move(all), Stats());
    const Answer answer =
        ReadRun(std::make_unique<FakeRun>(std::move(tables), absl::OkStatus()), {.batch_rows = batch_rows});
    ExpectSame(answer, wanted);
    for (size_t i = 0; i + 1 < answer.batches.size(); ++i)
      EXPECT_EQ(answer.batches[i], static_cast<int64_t>(batch_rows));
  }
}

TEST(ArrowTest, LongTextsMakeSmallBatches) {
  std::vector<Cell> values;
  for (size_t mebibytes : {30, 1, 30, 30, 70, 1}) values.push_back(std::string(mebibytes << 20, 'x'));
  ArrowArrayStream stream;
  ExportStream(std::make_shared<const Table>(Texts(values)), {}, &stream);
  const Answer answer = ReadAll(&stream);
  EXPECT_EQ(answer.batches, (std::vector<int64_t>{3, 1, 1, 1}));
  EXPECT_EQ(answer.columns[0], values);
}

TEST(ArrowTest, EmptyTablesAreSchemasAndNothingElse) {
  const Answer no_rows = ReadTable(Mixed(0));
  EXPECT_EQ(no_rows.names.size(), 6u);
  EXPECT_TRUE(no_rows.batches.empty());
  const Answer nothing = ReadTable(Table());
  EXPECT_TRUE(nothing.names.empty());
  EXPECT_TRUE(nothing.batches.empty());
  EXPECT_EQ(nothing.error, 0);
}

TEST(ArrowTest, EndStaysTheEnd) {
  StreamHolder stream;
  Mixed(3).ExportStream(&stream);
  ArrayHolder batch;
  ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  for (int i = 0; i < 3; ++i) {
    ArrowArray end;
    ASSERT_EQ(stream.get_next(&stream, &end), 0);
    EXPECT_EQ(end.release, nullptr);
  }
  EXPECT_EQ(stream.get_last_error(&stream), nullptr);
  SchemaHolder schema;
  EXPECT_EQ(stream.get_schema(&stream, &schema), 0);
}

// ---- Lifetime -------------------------------------------------------------------------------------------------------

TEST(ArrowTest, BatchOutlivesStreamAndTable) {
  ArrayHolder batch;
  {
    auto table = std::make_unique<Table>(Mixed(50, 3));
    StreamHolder stream;
    table->ExportStream(&stream);
    table.reset();
    ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  }
  EXPECT_EQ(ReadColumn("vu", *batch.children[4]), CellsOf(Mixed(50, 3).columns()[4]));
}

TEST(ArrowTest, ChildrenMayBeMovedOutAndReleasedInAnyOrder) {
  const Table table = Mixed(50, 3);
  const char* const formats[] = {"i", "l", "l", "g", "vu", "vu"};
  for (bool parent_first : {true, false}) {
    for (bool backward : {true, false}) {
      StreamHolder stream;
      table.ExportStream(&stream);
      ArrowArray batch;
      ASSERT_EQ(stream.get_next(&stream, &batch), 0);
      std::vector<ArrowArray> moved;
      for (int64_t i = 0; i < batch.n_children; i += 2) {
        moved.push_back(*batch.children[i]);
        batch.children[i]->release = nullptr;  // as the specification moves
      }
      if (parent_first) batch.release(&batch);
      for (size_t i = 0; i < moved.size(); ++i) {
        EXPECT_EQ(ReadColumn(formats[2 * i], moved[i]), CellsOf(table.columns()[2 * i]));
      }
      for (size_t i = 0; i < moved.size(); ++i) {
        ArrowArray& child = moved[backward ? moved.size() - 1 - i : i];
        child.release(&child);
        EXPECT_EQ(child.release, nullptr);
      }
      if (!parent_first) {
        EXPECT_EQ(ReadColumn("l", *batch.children[1]), CellsOf(table.columns()[1]));
        batch.release(&batch);
      }
      EXPECT_EQ(batch.release, nullptr);
    }
  }
}

TEST(ArrowTest, ChildrenMayBeReleasedInPlace) {
  StreamHolder stream;
  Mixed(10).ExportStream(&stream);
  ArrayHolder batch;
  ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  batch.children[0]->release(batch.children[0]);
  EXPECT_EQ(batch.children[0]->release, nullptr);
  EXPECT_EQ(ReadColumn("vu", *batch.children[5]).size(), 10u);
}

TEST(ArrowTest, ChildrenMayBeReleasedInOtherThreads) {
  const Table table = Mixed(1000, 3);
  StreamHolder stream;
  table.ExportStream(&stream);
  ArrowArray batch;
  ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < batch.n_children; ++i) {
    ArrowArray child = *batch.children[i];
    batch.children[i]->release = nullptr;
    threads.emplace_back([child]() mutable { child.release(&child); });
  }
  batch.release(&batch);
  for (std::thread& thread : threads) thread.join();
}

TEST(ArrowTest, SchemaChildrenMayBeMovedOut) {
  ArrowSchema schema;
  ExportSchema(Mixed(0).columns(), {}, &schema);
  ArrowSchema child = *schema.children[4];
  schema.children[4]->release = nullptr;
  schema.release(&schema);
  EXPECT_STREQ(child.name, "interface_id");
  EXPECT_STREQ(child.format, "vu");
  child.release(&child);
  EXPECT_EQ(child.release, nullptr);
}

TEST(ArrowTest, SecondReleaseDoesNothing) {
  ArrowArrayStream stream;
  Mixed(3).ExportStream(&stream);
  ArrowSchema schema;
  ASSERT_EQ(stream.get_schema(&stream, &schema), 0);
  ArrowArray batch;
  ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  const auto release_schema = schema.release;
  const auto release_batch = batch.release;
  const auto release_stream = stream.release;
  for (int i = 0; i < 2; ++i) {
    release_schema(&schema);
    release_batch(&batch);
    release_stream(&stream);
  }
  EXPECT_EQ(stream.get_next(&stream, &batch), EINVAL);
  EXPECT_EQ(stream.get_schema(&stream, &schema), EINVAL);
  EXPECT_STREQ(stream.get_last_error(&stream), "the stream was released");
}

// ---- Runs -----------------------------------------------------------------------------------------------------------

TEST(ArrowTest, DroppedStreamEndsItsRun) {
  bool gone = false;
  {
    StreamHolder stream;
    ExportStream(std::make_unique<FakeRun>(std::vector<Table>{Mixed(5), Mixed(5)}, absl::OkStatus(), Stats(), &gone),
                 {.batch_rows = 5}, &stream);
    ArrayHolder batch;
    ASSERT_EQ(stream.get_next(&stream, &batch), 0);
    EXPECT_FALSE(gone);
  }
  EXPECT_TRUE(gone);
}

TEST(ArrowTest, RunThatIsAtItsEndIsLetGo) {
  bool gone = false;
  StreamHolder stream;
  ExportStream(std::make_unique<FakeRun>(std::vector<Table>{Mixed(5)}, absl::OkStatus(), Stats(), &gone), {}, &stream);
  ArrayHolder batch;
  ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  ArrowArray end;
  ASSERT_EQ(stream.get_next(&stream, &end), 0);
  EXPECT_TRUE(gone);
}

TEST(ArrowTest, RowsBeforeAnErrorComeFirst) {
  const Answer answer = ReadRun(
      std::make_unique<FakeRun>(std::vector<Table>{Mixed(5), Mixed(6)}, absl::InvalidArgumentError("x.log: line 12")));
  EXPECT_EQ(answer.batches, (std::vector<int64_t>{11}));
  EXPECT_EQ(answer.error, EINVAL);
  EXPECT_EQ(answer.message, "x.log: line 12");
}

TEST(ArrowTest, ErrorStays) {
  StreamHolder stream;
  ExportStream(std::make_unique<FakeRun>(std::vector<Table>{Mixed(1)}, absl::ResourceExhaustedError("limit")),
               {.batch_rows = 1}, &stream);
  ArrayHolder batch;
  ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  for (int i = 0; i < 2; ++i) {
    ArrowArray none;
    EXPECT_EQ(stream.get_next(&stream, &none), ENOMEM);
    EXPECT_EQ(none.release, nullptr);
    EXPECT_STREQ(stream.get_last_error(&stream), "limit");
  }
}

TEST(ArrowTest, DamagedInputIsAnErrorAfterTheRows) {
  Stats stats;
  stats.errors.push_back({"a.log.gz", 17, "truncated"});
  auto run = [&] { return std::make_unique<FakeRun>(std::vector<Table>{Mixed(5)}, absl::OkStatus(), stats); };
  const Answer answer = ReadRun(run());
  EXPECT_EQ(answer.batches, (std::vector<int64_t>{5}));
  EXPECT_EQ(answer.error, EIO);
  EXPECT_EQ(answer.message, "a.log.gz: truncated (at byte 17)");
  EXPECT_EQ(ReadRun(run(), {.fail_if_damaged = false}).error, 0);
}

TEST(ArrowTest, RowsOfOtherTypesAreAnError) {
  Table other = Mixed(5);
  other.mutable_columns()[0] = Column("port", ColumnType::kText);
  for (int i = 0; i < 5; ++i) other.mutable_columns()[0].AppendText("x");
  EXPECT_EQ(ReadRun(std::make_unique<FakeRun>(std::vector<Table>{Mixed(5), other}, absl::OkStatus())).error, EIO);
  EXPECT_EQ(ReadRun(std::make_unique<FakeRun>(std::vector<Table>{Mixed(5), Texts({"x"})}, absl::OkStatus())).error,
            EIO);
}

// ---- Queries --------------------------------------------------------------------------------------------------------

constexpr std::string_view kLog =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status\n"
    "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.1 10.0.0.2 40001 443 6 7 800 1600000000 1600000059 ACCEPT OK\n"
    "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.3 2001:db8::1 40002 22 6 1 40 1600000001 1600000058 REJECT OK\n"
    "2 123456789012 eni-0a1b2c3d4e5f60718 - - - - - - - 1600000002 1600000057 - NODATA\n";

Query ScanLog(ScanOptions options = {}) { return Scan({Source::Bytes(kLog)}, std::move(options)); }

Answer ReadQuery(const Query& query, const ArrowOptions& options = {}) {
  ArrowArrayStream stream;
  const absl::Status status = ExportStream(query, options, &stream);
  EXPECT_TRUE(status.ok()) << status;
  return status.ok() ? ReadAll(&stream) : Answer();
}

TEST(ArrowQueryTest, StreamIsWhatCollectGives) {
  const Query scan = ScanLog();
  for (const Query& query : {scan, scan.Filter("action = 'REJECT'"),
                             scan.Select({"srcaddr", {"t", "bin(start, 5m)"}, "service", "duration"}),
                             scan.Sort("bytes", Order::kDescending), scan.Head(1), scan.Head(0),
                             scan.GroupBy({"srcaddr", "action", {"net", "prefix(srcaddr, 8)"}, {"t", "bin(start, 5m)"}})
                                 .Aggregate({{"n", "count()"},
                                             {"m", "mean(bytes)"},
                                             {"first", "min(start)"},
                                             {"who", "max(dstaddr)"},
                                             {"what", "min(action)"},
                                             {"d", "distinct(dstport)"},
                                             {"b", "sum(bytes)"}}),
                             scan.GroupBy({"dstport"}), scan.Aggregate({"count(srcaddr)"})}) {
    const absl::StatusOr<Table> table = query.Collect();
    ASSERT_TRUE(table.ok()) << table.status();
    const absl::StatusOr<std::vector<Column>> schema = query.Schema();
    ASSERT_TRUE(schema.ok()) << schema.status();
    ASSERT_EQ(schema->size(), table->num_columns());
    for (size_t i = 0; i < schema->size(); ++i) {
      EXPECT_EQ((*schema)[i].name(), table->columns()[i].name());
      EXPECT_EQ((*schema)[i].type(), table->columns()[i].type()) << (*schema)[i].name();
      EXPECT_EQ((*schema)[i].is_time(), table->columns()[i].is_time()) << (*schema)[i].name();
      EXPECT_EQ((*schema)[i].size(), 0u);
    }
    ExpectSame(ReadQuery(query), *table);
  }
}

TEST(ArrowQueryTest, EachStreamIsARunOfItsOwn) {
  const Query scan = ScanLog();
  StreamHolder a, b;
  ASSERT_TRUE(ExportStream(scan, {}, &a).ok());
  ASSERT_TRUE(ExportStream(scan, {}, &b).ok());
  EXPECT_EQ(ReadAll(&a).columns, ReadAll(&b).columns);
}

TEST(ArrowQueryTest, StreamOutlivesTheQuery) {
  StreamHolder stream;
  auto owner = std::make_shared<std::string>(kLog);
  {
    const Query scan = Scan({Source::Bytes(*owner, owner)});
    ASSERT_TRUE(ExportStream(scan, {}, &stream).ok());
  }
  const std::weak_ptr<std::string> weak = owner;
  owner.reset();
  EXPECT_FALSE(weak.expired());
  EXPECT_EQ(ReadAll(&stream).batches, (std::vector<int64_t>{3}));
  EXPECT_TRUE(weak.expired());
}

TEST(ArrowQueryTest, BigScanDroppedHalfWay) {
  std::string log;
  for (int i = 0; i < 300'000; ++i) {
    log += "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.1 10.0.0.2 40001 443 6 7 800 " +
           std::to_string(1600000000 + i) + " 1600000059 ACCEPT OK\n";
  }
  for (int threads : {1, 3}) {
    const Query scan = Scan({Source::Bytes(log)}, {.threads = threads});
    StreamHolder stream;
    ASSERT_TRUE(ExportStream(scan, {}, &stream).ok());
    ArrayHolder batch;
    ASSERT_EQ(stream.get_next(&stream, &batch), 0);
    EXPECT_GT(batch.length, 1000) << "a block of rows, not all of them";
    EXPECT_LT(batch.length, 65536);
    stream.release(&stream);
    const Cells starts = ReadColumn("l", *batch.children[10]);
    EXPECT_EQ(starts[0], "1600000000");
    EXPECT_EQ(starts[static_cast<size_t>(batch.length) - 1], std::to_string(1600000000 + batch.length - 1));
  }
}

TEST(ArrowQueryTest, WrongPlanIsAStatus) {
  ArrowArrayStream stream;
  for (const Query& query : {ScanLog().Filter("bytes >"), ScanLog().Select({"nothing_like_it"}), ScanLog().Sort("x"),
                             Scan({"/no/such/file.log"}), Scan({Source::Bytes("1 2 3\n")})}) {
    EXPECT_FALSE(ExportStream(query, {}, &stream).ok());
    EXPECT_EQ(stream.release, nullptr);
  }
  EXPECT_FALSE(ScanLog().Filter("bytes >").Schema().ok());
  EXPECT_FALSE(Scan({"/no/such/file.log"}).Schema().ok());
}

TEST(ArrowQueryTest, NameThatNoInputHasIsAnErrorAtTheEnd) {
  const Answer answer = ReadQuery(ScanLog().Select({"vpc_id"}));
  EXPECT_EQ(answer.error, EINVAL);
  EXPECT_NE(answer.message.find("vpc-id"), std::string::npos) << answer.message;
}

TEST(ArrowQueryTest, FirstBadValueIsAnErrorWithRaise) {
  const std::string log = std::string(kLog) + "2 3 4\n";
  const Answer answer = ReadQuery(Scan({Source::Bytes(log)}, {.on_error = OnError::kRaise}));
  EXPECT_EQ(answer.error, EINVAL);
  EXPECT_NE(answer.message.find("line 5"), std::string::npos) << answer.message;
}

}  // namespace
}  // namespace flowlogs
