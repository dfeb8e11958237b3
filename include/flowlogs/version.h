// What this library is, and what it is built on.
#ifndef FLOWLOGS_VERSION_H_
#define FLOWLOGS_VERSION_H_

#include <string>

namespace flowlogs {
inline namespace v1 {

// "0.1.0".
std::string Version();

// "flowlogs 0.1.0 (kernel avx2, Abseil 20220623, RE2, ISA-L 2.30.0)": the version, the kernel that this process uses, and
// the libraries (CONTRACT V7).
std::string VersionText();

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_VERSION_H_
