#include "lib/query/having.h"

#include <algorithm>

#include "lib/query/test_value.h"

namespace flowlogs {
inline namespace v1 {
namespace {

// An expression whose tests know their columns.
struct Node {
  Expression::Kind kind;
  std::vector<Node> children;
  const Test* test = nullptr;
  const Column* column = nullptr;
};

Node Bind(const Expression& expression, const std::vector<Column>& columns) {
  Node node{expression.kind, {}};
  if (expression.kind == Expression::Kind::kTest) {
    node.test = &expression.test;
    const std::string& name = expression.test.columns[0].name;
    node.column = &*std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name() == name; });
    return node;
  }
  for (const Expression& child : expression.children) node.children.push_back(Bind(child, columns));
  return node;
}

bool Holds(const Test& test, const Column& column, size_t row, const std::function<bool(IpAddress)>& is_internal) {
  switch (column.type()) {
    case ColumnType::kInt32:
    case ColumnType::kInt64:
      return HoldsFor(test, column.int_value(row));
    case ColumnType::kDouble:
      return HoldsFor(test, column.double_value(row));
    case ColumnType::kAddress: {
      const IpAddress address = column.address_value(row);
      return HoldsFor(test, address) || (test.internal && is_internal(address));
    }
    case ColumnType::kText:
      break;
  }
  return HoldsFor(test, column.text_value(row));
}

bool IsTrue(const Node& node, size_t row, const std::function<bool(IpAddress)>& is_internal) {
  if (node.kind == Expression::Kind::kTest) {
    const bool is_null = node.column->is_null(row);
    if (node.test->kind == Test::Kind::kIsNull) return is_null != node.test->negated;
    return !is_null && Holds(*node.test, *node.column, row, is_internal) != node.test->negated;
  }
  const bool is_and = node.kind == Expression::Kind::kAnd;
  for (const Node& child : node.children) {
    if (IsTrue(child, row, is_internal) != is_and) return !is_and;
  }
  return is_and;
}

}  // namespace

std::vector<std::string> NamesOf(const Expression& expression) {
  std::vector<std::string> names;
  if (expression.kind == Expression::Kind::kTest) names.push_back(expression.test.columns[0].name);
  for (const Expression& child : expression.children) {
    for (std::string& name : NamesOf(child)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
  }
  return names;
}

std::vector<uint32_t> RowsThatPass(const Expression& expression, const std::vector<Column>& columns, size_t rows,
                                   const std::function<bool(IpAddress)>& is_internal) {
  const Node root = Bind(expression, columns);
  std::vector<uint32_t> passed;
  for (uint32_t row = 0; row < rows; ++row) {
    if (IsTrue(root, row, is_internal)) passed.push_back(row);
  }
  return passed;
}

}  // namespace v1
}  // namespace flowlogs
