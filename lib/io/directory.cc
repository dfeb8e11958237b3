#include "lib/io/directory.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// What others write beside logs: hidden files, marks and work of Hadoop, Spark and the like, the object that an export
// task of CloudWatch Logs tries its rights with.
bool IsNoLog(std::string_view name) {
  return name.starts_with('.') || name.starts_with('_') || name == "aws-logs-write-test";
}

absl::Status CannotList(const std::string& directory, int error) {
  const std::string message = absl::StrCat("cannot list directory ", Quoted(directory), ": ", ErrorText(error),
                                           "; get the right to read it, or give the files to read");
  return error == ENOENT ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FilesBelow(const std::string& directory) {
  std::vector<std::string> files;
  std::vector<std::string> waiting = {directory};
  while (!waiting.empty()) {
    const std::string path = std::move(waiting.back());
    waiting.pop_back();
    const std::unique_ptr<DIR, CloseDirectory> open(opendir(path.c_str()));
    if (open == nullptr) return CannotList(path, errno);
    for (;;) {
      errno = 0;
      const dirent* const entry = readdir(open.get());
      if (entry == nullptr) {
        if (errno != 0) return CannotList(path, errno);
        break;
      }
      if (IsNoLog(entry->d_name)) continue;
      std::string below = absl::StrCat(path, path.ends_with('/') ? "" : "/", entry->d_name);
      struct stat info;
      if (lstat(below.c_str(), &info) != 0) continue;  // it has gone
      const bool is_link = S_ISLNK(info.st_mode);
      // A link that leads nowhere is a file that cannot be opened: the run says so.
      if (is_link && stat(below.c_str(), &info) != 0) info.st_mode = S_IFREG;
      if (S_ISREG(info.st_mode)) {
        files.push_back(std::move(below));
      } else if (S_ISDIR(info.st_mode) && !is_link) {
        waiting.push_back(std::move(below));
      }
    }
  }
  if (files.empty()) {
    return absl::NotFoundError(absl::StrCat("no file is below directory ", Quoted(directory),
                                            "; names that begin with \".\" or \"_\" are left out"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace v1
}  // namespace flowlogs
