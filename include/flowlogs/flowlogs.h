// flowlogs: AWS VPC and transit gateway flow logs of every version, read at the speed of memory.
//
// This header is the whole library. Its parts can be included alone: flowlogs/parse/record.h and flowlogs/schema/ need
// the standard library only, the rest links flowlogs::flowlogs. Each part's header says more; this is the way in. The
// examples are compiled and run as a test; in them `namespace fl = flowlogs`, and `log` is the text of a log with three
// records.
//
// ---- FORMATS AND VERSIONS -------------------------------------------------------------------------------------------
//
// A Format is the order of the fields in a line: that of a version's default, of a header, or as DescribeFlowLogs
// prints it. It is an immutable handle, cheap to copy and safe in any thread; a log's own header beats whatever was
// given.
//
//   std::string error;
//   std::optional<fl::Format> wanted = fl::Format::Parse("${srcaddr} ${dstaddr} ${bytes}", &error);
//   assert(wanted && wanted->IndexOf(fl::Field::kBytes) == 2);
//   assert(!fl::Format::Parse("${srcaddr} ${srcaddr}", &error));  // fails because a name stands twice: `error` says so
//   assert(fl::Format::Default().size() == 14 && fl::Format::All().size() == 54);
//
// ---- READING --------------------------------------------------------------------------------------------------------
//
// Scan() takes paths, globs, "-", and bytes in memory, plain or compressed, text or what AWS wraps around it (JSON, base64:
// see flowlogs/io/input.h), and reads them when the plan runs, in bounded memory and with as many threads as the process
// may use. Nothing throws or prints: what is wrong comes back as a Status, and lines that are no record are counted in
// the Stats, never a reason to stop.
//
//   absl::StatusOr<fl::Table> all = fl::Scan({fl::Source::Bytes(log)}).Aggregate({"count()"}).Collect();
//   if (!all.ok()) return Fail(all.status());  // the plan is wrong, or nothing could be read
//   assert(all->Int(0, "count") == 3 && all->complete());
//   const fl::Stats& stats = all->stats();
//   assert(stats.lines == stats.records + stats.headers + stats.blank + stats.problem_count());
//
// ---- TYPED FIELDS ---------------------------------------------------------------------------------------------------
//
// A record's fields have their types: numbers, addresses, text, tags (percent-decoded). What is missing ("-") or bad is
// nullopt, never 0, and state() tells which it is; this part of the library needs nothing but its headers.
//
//   fl::Record r;
//   std::string_view line = "2 123456789010 eni-1 10.0.0.5 10.0.0.9 - 443 6 x 840 1600000000 1600000060 ACCEPT OK";
//   assert(fl::ParseRecord(line, fl::Format::Default(), &r) == fl::ParseError::kOk);
//   assert(r.srcaddr() == fl::IpAddress::Parse("10.0.0.5") && r.bytes() == 840);
//   assert(!r.srcport() && r.state(fl::Field::kSrcport) == fl::ValueState::kMissing);
//   assert(!r.packets() && r.state(fl::Field::kPackets) == fl::ValueState::kBad && r.raw(fl::Field::kPackets) == "x");
//
// ---- FILTERING ------------------------------------------------------------------------------------------------------
//
// Filters are text, the same in C++, Python and the command; missing values are SQL's unknown. A wrong one is told at
// once, by status(), with a caret under the place.
//
//   fl::Query logs = fl::Scan({fl::Source::Bytes(log)});
//   fl::Query refused = logs.Filter("rejected and dstport in (22, 3389) and srcaddr in public");
//   absl::StatusOr<fl::Table> rows = refused.Select({"srcaddr", {"net", "prefix(srcaddr, 16)"}}).Collect();
//   assert(rows.ok() && rows->num_rows() == 1 && rows->Text(0, "net") == "198.51.0.0/16");
//   assert(!logs.Filter("dstport = 44x").status().ok());  // fails because 44x is no port
//
// ---- AGGREGATING ----------------------------------------------------------------------------------------------------
//
// Keys and aggregates make groups, which Having(), Sort() and Head() narrow down; the answer is a Table, the same
// whatever threads and blocks were. Once() counts packets once that several interfaces saw, Dedup() drops identical
// records, and CollectAll() answers several questions in one pass.
//
//   absl::StatusOr<fl::Table> top = logs.GroupBy({"dstport"})
//                                       .Aggregate({{"flows", "count()"}, {"bytes", "sum(bytes)"}})
//                                       .Having("flows > 1")
//                                       .Sort("bytes", fl::Order::kDescending)
//                                       .Head(10)
//                                       .Collect();
//   assert(top.ok() && top->num_rows() == 1);
//   assert(top->Int(0, "dstport") == 443 && top->Int(0, "bytes") == 1000);
//   std::string for_people = top->ToText(), for_programs = top->ToJson();
//
// ---- LIFETIME -------------------------------------------------------------------------------------------------------
//
// What is a view says into what it points: a Record into its line, Source::Bytes() into the content, until the run
// ends. Plans, tables, formats and stats own what they hold; a plan may be run any number of times, from any thread.
//
//   std::optional<std::string_view> eni;
//   {
//     std::string text = "2 123456789010 eni-1 10.0.0.5 10.0.0.9 1 443 6 1 840 1600000000 1600000060 ACCEPT OK";
//     fl::Record r;
//     fl::ParseRecord(text, fl::Format::Default(), &r);
//     eni = r.interface_id();  // points into `text`: gone with it
//     assert(eni == "eni-1");
//   }
//   eni.reset();
//   // fl::ParseRecord(std::string("2 1 ..."), format, &r) does not compile: the record would point into a dead string.
#ifndef FLOWLOGS_FLOWLOGS_H_
#define FLOWLOGS_FLOWLOGS_H_

#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "flowlogs/parse/record.h"
#include "flowlogs/parse/records.h"
#include "flowlogs/parse/stats.h"
#include "flowlogs/query/arrow.h"
#include "flowlogs/query/query.h"
#include "flowlogs/query/table.h"
#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"
#include "flowlogs/schema/format.h"
#include "flowlogs/schema/value.h"
#include "flowlogs/schema/writer.h"
#include "flowlogs/synth/generator.h"

#endif  // FLOWLOGS_FLOWLOGS_H_
