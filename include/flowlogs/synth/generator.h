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
// THE SAME EVERYWHERE  Options alone decide every byte: no clock, no locale, no hash order, no floating point.
//
// All addresses, accounts and ids are drawn at random: they stand for nobody.
#ifndef FLOWLOGS_SYNTH_GENERATOR_H_
#define FLOWLOGS_SYNTH_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

#include "flowlogs/schema/format.h"

namespace flowlogs {
inline namespace v1 {

//   name           (default)               effect
//   records        (1000)                  how many records; the last conversation may lack a direction
//   seed           (0)                     another seed, another network and other traffic
//   format         (Format::Default())     fields of VPC or of transit gateway flow logs; unknown names get "-"
//   start_seconds  (2026-09-01T00:00:00Z)  Unix seconds, 0 to 9 * 10^10: no record begins before
//   hosts          (200)                   size of the network, 1 to 20,000. 200 hosts make about 50 records a second,
//   so
//                                          that 5 M records are a bit over a day, from about 20,000 sources
//   header         (true)                  begin with the header line; a format with a leading time never has one
struct GeneratorOptions {
  uint64_t records = 1000;
  uint64_t seed = 0;
  Format format = Format::Default();
  int64_t start_seconds = 1'788'220'800;
  uint32_t hosts = 200;
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

 private:
  struct State;
  explicit Generator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The format of a name: "default"; "tgw" or "transit-gateway"; "all", the 54 VPC fields; "v2" to "v11", all fields up
// to that version ("v6" is the transit gateway's); else as Format::Parse() reads it.
absl::StatusOr<Format> GeneratorFormat(std::string_view name);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SYNTH_GENERATOR_H_
