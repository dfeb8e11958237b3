// Schemas: which Arrow types an answer has, before it is there.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/parse/text_out.h"
#include "lib/query/accumulator.h"
#include "lib/query/arrow_layout.h"
#include "lib/query/plan.h"
#include "lib/query/status.h"

namespace flowlogs {
inline namespace v1 {
namespace internal {
namespace {

const char* FormatOf(ArrowLayout layout) {
  switch (layout) {
    case ArrowLayout::kInt32: return "i";
    case ArrowLayout::kInt64: return "l";
    case ArrowLayout::kDouble: return "g";
    case ArrowLayout::kTime: return "tss:UTC";
    case ArrowLayout::kUtf8View: return "vu";
    case ArrowLayout::kUtf8: return "u";
    case ArrowLayout::kLargeUtf8: break;
  }
  return "U";
}

// A column's name as a C string of UTF-8: an unknown name of a header may be any bytes.
std::string NameOf(const Column& column) {
  static constexpr PlainBytes kPlain = [] {
    PlainBytes plain{};
    for (size_t c = 1; c < 0x80; ++c) plain[c] = true;
    return plain;
  }();
  std::string name(4 * column.name().size(), '\0');
  const auto write = [](uint32_t c, std::string_view bytes, char* p) {
    return c == 0 ? WriteHexEscapes(bytes, p) : WriteBytes(bytes, p);
  };
  char* const end = WriteText(column.name(), kPlain, "\\x", name.data(), write);
  name.resize(static_cast<size_t>(end - name.data()));
  return name;
}

// The format that the consumer asks for; "" if it says nothing of the column. Columns of one name count in order.
std::string_view RequestedFormat(const ArrowSchema* requested, std::string_view name, size_t place) {
  if (requested == nullptr || requested->format == nullptr || std::string_view(requested->format) != "+s") return "";
  auto named = [&](int64_t i) {
    const ArrowSchema* child = requested->children[i];
    return child != nullptr && child->name != nullptr && child->format != nullptr && child->name == name;
  };
  const auto at_place = static_cast<int64_t>(place);
  if (at_place < requested->n_children && named(at_place)) return requested->children[at_place]->format;
  for (int64_t i = 0; i < requested->n_children; ++i) {
    if (named(i)) return requested->children[i]->format;
  }
  return "";
}

ArrowLayout ChooseLayout(const Column& column, bool times, std::string_view requested) {
  switch (column.type()) {
    case ColumnType::kInt32: return ArrowLayout::kInt32;
    case ColumnType::kInt64:
      if (!column.is_time()) return ArrowLayout::kInt64;
      if (requested.starts_with("ts")) return ArrowLayout::kTime;
      return times && requested != "l" ? ArrowLayout::kTime : ArrowLayout::kInt64;
    case ColumnType::kDouble: return ArrowLayout::kDouble;
    case ColumnType::kText:
    case ColumnType::kAddress: break;
  }
  if (requested == "u") return ArrowLayout::kUtf8;
  return requested == "U" ? ArrowLayout::kLargeUtf8 : ArrowLayout::kUtf8View;
}

// What the structs of one schema point into, which goes with the last of them.
struct SchemaData {
  std::vector<std::string> names;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
};

void ReleaseSchema(ArrowSchema* schema) {
  if (schema->private_data == nullptr) return;  // released before
  for (int64_t i = 0; i < schema->n_children; ++i) {
    ArrowSchema* child = schema->children[i];
    if (child->release != nullptr) child->release(child);
  }
  // `schema` itself may be a child in the data: nothing is touched after the data has gone.
  const std::unique_ptr<std::shared_ptr<SchemaData>> data(
      static_cast<std::shared_ptr<SchemaData>*>(std::exchange(schema->private_data, nullptr)));
  schema->release = nullptr;
}

}  // namespace

std::vector<ArrowLayout> ChooseLayouts(std::span<const Column> columns, const ArrowOptions& options) {
  std::vector<ArrowLayout> layouts;
  for (size_t i = 0; i < columns.size(); ++i) {
    layouts.push_back(
        ChooseLayout(columns[i], options.times, RequestedFormat(options.requested, NameOf(columns[i]), i)));
  }
  return layouts;
}

bool Fits(ColumnType type, ArrowLayout layout) {
  switch (type) {
    case ColumnType::kInt32: return layout == ArrowLayout::kInt32;
    case ColumnType::kInt64: return layout == ArrowLayout::kInt64 || layout == ArrowLayout::kTime;
    case ColumnType::kDouble: return layout == ArrowLayout::kDouble;
    case ColumnType::kText:
    case ColumnType::kAddress: break;
  }
  return layout == ArrowLayout::kUtf8View || layout == ArrowLayout::kUtf8 || layout == ArrowLayout::kLargeUtf8;
}

void MakeSchema(std::span<const Column> columns, std::span<const ArrowLayout> layouts, ArrowSchema* out) {
  auto data = std::make_shared<SchemaData>();
  for (const Column& column : columns) data->names.push_back(NameOf(column));
  data->children.resize(columns.size());
  std::vector<std::unique_ptr<std::shared_ptr<SchemaData>>> owners;
  for (size_t i = 0; i <= columns.size(); ++i) owners.push_back(std::make_unique<std::shared_ptr<SchemaData>>(data));
  for (size_t i = 0; i < columns.size(); ++i) {
    data->children[i] = {.format = FormatOf(layouts[i]),
                         .name = data->names[i].c_str(),
                         .metadata = nullptr,
                         .flags = ARROW_FLAG_NULLABLE,
                         .n_children = 0,
                         .children = nullptr,
                         .dictionary = nullptr,
                         .release = &ReleaseSchema,
                         .private_data = nullptr};
    data->child_pointers.push_back(&data->children[i]);
  }
  for (size_t i = 0; i < columns.size(); ++i) data->children[i].private_data = owners[i].release();
  *out = {.format = "+s",
          .name = "",
          .metadata = nullptr,
          .flags = 0,
          .n_children = static_cast<int64_t>(columns.size()),
          .children = data->child_pointers.data(),
          .dictionary = nullptr,
          .release = &ReleaseSchema,
          .private_data = owners.back().release()};
}

}  // namespace internal

void ExportSchema(std::span<const Column> columns, const ArrowOptions& options, ArrowSchema* out) {
  internal::MakeSchema(columns, internal::ChooseLayouts(columns, options), out);
}

absl::StatusOr<std::vector<Column>> Query::Schema() const {
  return GuardMemory([this] { return MakeSchema(); });
}

absl::StatusOr<std::vector<Column>> Query::MakeSchema() const {
  if (!plan_->status.ok()) return plan_->status;
  std::vector<FormatColumn> scanned;
  if (!plan_->grouped && !plan_->selected) {
    FormatTable formats;
    RunControl control(plan_->scan->options);
    absl::StatusOr<InputSet> inputs =
        InputSet::Open(plan_->scan, &formats, plan_->scan->options.block_bytes, false, &control);
    if (!inputs.ok()) return InputErrorStatus(inputs.status());
    scanned = inputs->columns();
    const auto& runs = inputs->inputs();
    const bool none = std::all_of(runs.begin(), runs.end(), [](const auto& run) { return !run->status.ok(); });
    const absl::Status status = none && !runs.empty() ? InputErrorStatus(runs[0]->status) : absl::OkStatus();
    inputs->ReturnUnread();
    if (!status.ok()) return status;
  }
  const absl::StatusOr<RunPlan> plan = MakeRunPlan(*plan_, scanned);
  if (!plan.ok()) return plan.status();
  if (!plan->grouped) return MakeColumns(plan->rows);
  std::vector<Column> columns;
  for (const KeyExpression& key : plan->groups.keys) columns.push_back(MakeColumn(key));
  for (const AggregateExpression& aggregate : plan->groups.aggregates) {
    columns.push_back(MakeAccumulator(aggregate)->MakeColumn());
  }
  return columns;
}

}  // namespace v1
}  // namespace flowlogs
