// Made-up flow logs that look like real ones: the source of data for demonstrations, tests and benchmarks.
//
//   absl::StatusOr<fl::Generator> generator = fl::Generator::Create({.records = 5'000'000, .seed = 7});
//   std::string_view block;
//   while (generator->Next(&block)) file.write(block.data(), block.size());
//
// WHAT IS IN THEM  A small network: three VPCs of three accounts in one region, hosts, ECS tasks, NAT gateways, a load
// balancer, an endpoint, a transit gateway. Clients on the internet use its services, hosts call AWS and each other;
// every conversation leaves both its directions, at each interface that it passes. Scanners knock and are rejected;
// some connections last for many aggregation intervals; one record in 500 is NODATA or SKIPDATA. Ends ascend but for
// seconds. Every field of every version has a value somewhere, and is missing where AWS leaves it out.
//
// SCENARIOS  Days of a network of users, services, jobs and the internet's noise, by the clock: by day more than by
// night, on working days more than at the weekend. Into kIncidents every kind of finding is planted, and truth() tells
// of each; kPast is the days before in the same network, kQuietWeek a week in which nothing happens.
//
// THE SAME EVERYWHERE  Options alone decide every byte: no clock, no locale, no hash order, no floating point.
//
// All addresses, accounts and ids are drawn at random: they stand for nobody.
#ifndef FLOWLOGS_SYNTH_GENERATOR_H_
#define FLOWLOGS_SYNTH_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "flowlogs/schema/format.h"

namespace flowlogs {
inline namespace v1 {

enum class Scenario : uint8_t {
  kNone,       // traffic of all sorts, by the number of records
  kIncidents,  // 2 days with planted incidents
  kPast,       // the 5 days before them; ends at start_seconds
  kQuietWeek,  // 7 days without any
};

//   name           (default)               effect
//   records        (1000)                  how many records; the last conversation may lack a direction
//   seed           (0)                     another seed, another network and other traffic
//   format         (Format::Default())     fields of VPC or of transit gateway flow logs; unknown names get "-"
//   start_seconds  (2026-09-01T00:00:00Z)  Unix seconds, 0 to 9 * 10^10: no record begins before
//   hosts          (200)                   size of the network, 1 to 20,000. 200 hosts make about 50 records a second,
//   so
//                                          that 5 M records are a bit over a day, from about 20,000 sources
//   scenario       (kNone)                 days by the clock, of a VPC; `records` does not count then
//   days           (0)                     of a scenario, up to 366; 0: as Scenario says
//   header         (true)                  begin with the header line; a format with a leading time never has one
struct GeneratorOptions {
  uint64_t records = 1000;
  uint64_t seed = 0;
  Format format = Format::Default();
  int64_t start_seconds = 1'788'220'800;
  uint32_t hosts = 200;  // 50 are enough for a scenario, 41 the least
  Scenario scenario = Scenario::kNone;
  uint32_t days = 0;
  bool header = true;
};

// A source of blocks of lines. Needs memory for one block and its network, whatever the number of records. Move only;
// one thread at a time.
class Generator {
 public:
  // kInvalidArgument, with the option and what was wrong with it: an option out of range; a format with fields of VPC
  // and of transit gateway flow logs, which AWS refuses as well.
  static absl::StatusOr<Generator> Create(GeneratorOptions options);
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  // Makes the next block of whole lines, each with its LF: about 256 KiB. `block` is valid until the next call. Returns
  // false after the last one.
  bool Next(std::string_view* block);

  const Format& format() const;

  // JSON: what was planted in a scenario (incidents), what only looks like it (decoys), a list of addresses and a
  // policy to judge it by. "" without a scenario.
  std::string truth() const;

 private:
  struct State;
  explicit Generator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "incidents", "past", "quiet-week"; "" is kNone.
absl::StatusOr<Scenario> ScenarioOf(std::string_view name);

// The format of a name: "default"; "tgw" or "transit-gateway"; "all", the 54 VPC fields; "v2" to "v11", all fields up
// to that version ("v6" is the transit gateway's); else as Format::Parse() reads it.
absl::StatusOr<Format> GeneratorFormat(std::string_view name);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SYNTH_GENERATOR_H_
