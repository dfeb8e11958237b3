#include "flowlogs/version.h"

#include "absl/base/config.h"
#include "flowlogs/io/input.h"
#include "lib/parse/line_index.h"

#ifndef FLOWLOGS_VERSION
#error "FLOWLOGS_VERSION is defined by the build from the version in pyproject.toml"
#endif

namespace flowlogs {
inline namespace v1 {

std::string Version() { return FLOWLOGS_VERSION; }

std::string VersionText() {
  std::string text = "flowlogs " + Version() + " (kernel " + ActiveKernel().name + ", Abseil ";
#ifdef ABSL_LTS_RELEASE_VERSION
  text += std::to_string(ABSL_LTS_RELEASE_VERSION);
#else
  text += "head";
#endif
#ifdef FLOWLOGS_RE2_VERSION
  text += ", RE2 " FLOWLOGS_RE2_VERSION;
#else
  text += ", RE2";
#endif
  return text + ", " + InflateLibrary() + ")";
}

}  // namespace v1
}  // namespace flowlogs
