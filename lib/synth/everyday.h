// What goes on in a network when nothing is wrong.
#ifndef FLOWLOGS_LIB_SYNTH_EVERYDAY_H_
#define FLOWLOGS_LIB_SYNTH_EVERYDAY_H_

#include <cstdint>
#include <vector>

#include "lib/synth/network.h"
#include "lib/synth/random.h"
#include "lib/synth/wire.h"

namespace flowlogs {
inline namespace v1 {

// Users by day and fewer at the weekend, jobs by the clock, deploys on working days, the noise of the internet always.
// Each activity draws from random numbers of its own: one more does not change the others.
class Everyday {
 public:
  // Do not own them.
  Everyday(const Network& network, uint64_t seed, Wire* wire);
  // What begins in [from, from + seconds).
  void Make(int64_t from, int64_t seconds);

 private:
  using Activity = void (Everyday::*)();
  struct Kept {  // a connection that is not closed between two hours
    Connection connection;
    int64_t until;
  };

  // People and programs outside.
  void Browse();
  void BrowseByLoadBalancer();
  void WatchFromOutside();
  void Noise();
  void Backscatter();
  void ReceiveMail();
  // Services inside.
  void Serve();
  void Pool();
  void AskResolver();
  void Resolve();
  void Poll();
  void CheckHealth();
  void CallPartners();
  void CallAws();
  void Report();
  void SetClocks();
  // People inside, and jobs.
  void Administer();
  void TraceRoutes();
  void Update();
  void Backup();
  void CopyOffsite();
  void Build();
  void Deploy();
  void TestLoad();
  void Restart();

  // How many of a mean by the hour fall in this slice, when users make them.
  uint32_t Count(uint32_t an_hour, bool by_rhythm);
  int64_t Any() { return from_ + random_.Below(static_cast<uint32_t>(seconds_)); }
  // True in the slice of that second of the day.
  bool Now(int64_t second_of_day) const {
    return day_second_ <= second_of_day && second_of_day < day_second_ + seconds_;
  }
  bool weekend() const { return weekday_ >= 5; }
  uint16_t Port() { return static_cast<uint16_t>(random_.Between(32768, 60999)); }
  const NetworkAddress& Client(const Interface& host);
  Connection Inside(const Interface& client, const Interface& server, uint16_t port);
  Connection Out(const Interface& client, const NetworkAddress& server, uint16_t port, uint8_t protocol = 6);
  Connection In(const NetworkAddress& client, const Interface& server, uint16_t port, uint8_t protocol = 6);

  const Network& network_;
  const uint64_t seed_;
  Wire& wire_;
  Random random_;
  std::vector<Random> randoms_;  // by activity
  std::vector<Kept> pool_;
  int64_t from_ = 0, seconds_ = 0, day_second_ = 0, day_ = 0;
  int weekday_ = 0;  // 0: Monday
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_EVERYDAY_H_
