// Growing a hash table of Abseil's in a process that lives on when memory is refused.
#ifndef FLOWLOGS_LIB_IO_HASH_TABLE_H_
#define FLOWLOGS_LIB_IO_HASH_TABLE_H_

#include <new>

namespace flowlogs {
inline namespace v1 {

// insert(table), which may let the table grow. Abseil's tables are made for programs that end when memory does: one whose
// growth is refused is broken, and not even to be destroyed. So it is abandoned with what it holds, an empty one takes its
// place, and std::bad_alloc goes on its way to the run that it ends.
template <typename Table, typename Insert>
decltype(auto) GrowTable(Table& table, Insert&& insert) {
  try {
    return insert(table);
  } catch (const std::bad_alloc&) {
    ::new (static_cast<void*>(&table)) Table();
    throw;
  }
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_HASH_TABLE_H_
