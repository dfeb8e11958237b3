// Private: the parts of Table::Render(), by format.
#ifndef FLOWLOGS_LIB_QUERY_RENDER_H_
#define FLOWLOGS_LIB_QUERY_RENDER_H_

#include <string>

#include "flowlogs/query/table.h"

namespace flowlogs {
inline namespace v1 {
namespace internal {

// Appends the table for people, header and rows: TableFormat::kTable.
void AppendAlignedTable(const Table& table, std::string* out);

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_RENDER_H_
