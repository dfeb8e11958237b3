// Where records come from (CONTRACT L13): what the name of an input says, and the time that a CloudWatch export puts before
// each line. What envelopes say is in BlockEvents (flowlogs/io/input.h) and goes before both.
#ifndef FLOWLOGS_LIB_QUERY_PROVENANCE_H_
#define FLOWLOGS_LIB_QUERY_PROVENANCE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// What a path or an object's key says. Empty: nothing.
struct NameFacts {
  std::string account, region, flow_log_id;
  std::string log_stream;
};

// Knows the names that AWS gives:
//
//   <account>_vpcflowlogs_<region>_<flow-log-id>_<time>_<hash>.log.gz        a delivery to S3, with any ending
//   aws-account-id=<account>/.../aws-region=<region>/                        its folders ("=" may be "%3D")
//   AWSLogs/[<organisation>/]<account>/vpcflowlogs/<region>/                 its folders
//   <task-id>/<log-stream>/000000.gz                                         an export of CloudWatch Logs; without its task
//                                                                            the stream is known as eni-...
//
// The file's name goes before its folders. Never more than what is there: a name that differs says nothing.
NameFacts FactsOfName(std::string_view name);

// The time before a line of an export in milliseconds since 1970, kNullWord if it is none: ISO 8601 with a fraction, or
// epoch seconds, or, from 10^11 on, milliseconds.
int64_t EventTimeOf(std::string_view token);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_PROVENANCE_H_
