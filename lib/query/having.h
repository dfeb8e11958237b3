// Which groups stay: `having` over the columns of a grouped answer (CONTRACT L10).
#ifndef FLOWLOGS_LIB_QUERY_HAVING_H_
#define FLOWLOGS_LIB_QUERY_HAVING_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/query/table.h"
#include "flowlogs/schema/address.h"
#include "lib/query/expression.h"

namespace flowlogs {
inline namespace v1 {

// The names of the columns that the expression tests, each once.
std::vector<std::string> NamesOf(const Expression& expression);

// The rows among the first `rows` for which the expression is true. `columns` has those of NamesOf(), finished;
// `is_internal` tells the own addresses for Test::internal. REQUIRES: an expression of ParseHaving() whose outputs the
// columns are.
std::vector<uint32_t> RowsThatPass(const Expression& expression, const std::vector<Column>& columns, size_t rows,
                                   const std::function<bool(IpAddress)>& is_internal);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_HAVING_H_
