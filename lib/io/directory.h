// The files below a directory that is given as a source: flowlogs/io/source.h says which.
#ifndef FLOWLOGS_LIB_IO_DIRECTORY_H_
#define FLOWLOGS_LIB_IO_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace flowlogs {
inline namespace v1 {

// Sorted bytewise. At least one: NOT_FOUND if there is none; PERMISSION_DENIED if a directory cannot be read.
absl::StatusOr<std::vector<std::string>> FilesBelow(const std::string& directory);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_DIRECTORY_H_
