// How a column of ours leaves as an Arrow column.
#ifndef FLOWLOGS_LIB_QUERY_ARROW_LAYOUT_H_
#define FLOWLOGS_LIB_QUERY_ARROW_LAYOUT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "flowlogs/query/arrow.h"
#include "flowlogs/query/table.h"

namespace flowlogs {
inline namespace v1 {
namespace internal {

enum class ArrowLayout : uint8_t { kInt32, kInt64, kDouble, kTime, kUtf8View, kUtf8, kLargeUtf8 };

// The layout of each column: by its type, `options.times` and what `options.requested` asks for.
std::vector<ArrowLayout> ChooseLayouts(std::span<const Column> columns, const ArrowOptions& options);

// Whether values of that type can be written in that layout.
bool Fits(ColumnType type, ArrowLayout layout);

// The schema of columns in these layouts.
void MakeSchema(std::span<const Column> columns, std::span<const ArrowLayout> layouts, ArrowSchema* out);

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ARROW_LAYOUT_H_
