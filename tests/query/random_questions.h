// Random questions, and answers as text with the stats of their runs: what must not depend on threads, blocks, or where
// the records come from.
#ifndef FLOWLOGS_TESTS_QUERY_RANDOM_QUESTIONS_H_
#define FLOWLOGS_TESTS_QUERY_RANDOM_QUESTIONS_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"
#include "tests/query/query_testing.h"
#include "tests/random_log.h"

namespace flowlogs_test {

inline std::string WithStats(std::string answer, const fl::Stats& stats) {
  ExpectConservation(stats);
  return std::move(answer) + "\n" + stats.ToJson();
}

inline std::string CollectText(const absl::StatusOr<fl::Table>& table) {
  return table.ok() ? WithStats(table->ToJson(), table->stats()) : Message(table.status());
}

// All chunks of a stream of records as one text: it must not show where blocks began.
inline std::string RecordsText(const fl::Query& query) {
  auto stream = query.Records();
  if (!stream.ok()) return Message(stream.status());
  std::string out, last;
  for (;;) {
    const absl::StatusOr<fl::RecordChunk> chunk = (*stream)->Next();
    if (!chunk.ok()) return out + Message(chunk.status());
    if (chunk->groups.empty()) return WithStats(out, (*stream)->stats());
    for (const fl::RecordChunk::Group& group : chunk->groups) {
      const auto lines = ReferenceSplitter::LinesOf(group.lines), original = ReferenceSplitter::LinesOf(group.original);
      EXPECT_EQ(lines.size(), group.line_numbers.size());
      EXPECT_EQ(original.size(), group.line_numbers.size());
      const std::string header = chunk->source + ": " + group.format.Header() + "\n";
      if (std::exchange(last, header) != header) out += header;
      for (size_t i = 0; i < lines.size(); ++i) {
        out += std::to_string(group.line_numbers[i]) + " [" + std::string(lines[i]) + "] [" + std::string(original[i]) +
               "]\n";
      }
    }
  }
}

inline std::string StreamText(const fl::Query& query) {
  auto stream = query.Stream();
  if (!stream.ok()) return Message(stream.status());
  std::string out;
  for (;;) {
    const absl::StatusOr<fl::Table> table = (*stream)->Next();
    if (!table.ok()) return out + Message(table.status());
    if (table->num_rows() == 0) return WithStats(out, (*stream)->stats());
    out += table->RenderRows(fl::TableFormat::kNdjson);
  }
}

inline std::string CheckText(const fl::Query& query) {
  const absl::StatusOr<fl::Stats> stats = query.Check();
  return stats.ok() ? WithStats("", *stats) : Message(stats.status());
}

struct Question {
  std::string shape;
  std::function<std::string(const fl::Query&)> ask;
};

class QuestionMaker {
 public:
  // `more`: also what needs two passes, sketches and provenance.
  explicit QuestionMaker(Random* random, bool more = false) : random_(*random), more_(more) {}

  Question Make() {
    Question made;
    Question* const c = &made;
    const size_t kind = random_.Below(8);
    if (kind == 0) {
      c->shape = "check";
      c->ask = CheckText;
      return made;
    }
    const bool filtered = random_.Chance(0.6);
    const std::string filter = filtered ? Filter() : "";
    const bool once = more_ && random_.Chance(0.15);
    const bool dedup = more_ && random_.Chance(0.1);
    auto base = [filtered, filter, once, dedup](const fl::Query& scan) {
      fl::Query all = once ? scan.Once() : scan;
      if (dedup) all = all.Dedup();
      return filtered ? all.Filter(filter) : all;
    };
    c->shape = filter + (once ? " once" : "") + (dedup ? " dedup" : "");
    const uint64_t head = random_.Below(30);
    const bool limited = random_.Chance(0.4);
    const fl::Order order = random_.Chance(0.5) ? fl::Order::kAscending : fl::Order::kDescending;
    auto cut = [limited, head](const fl::Query& query) { return limited ? query.Head(head) : query; };
    c->shape += limited ? " head " + std::to_string(head) : "";
    if (kind == 1) {
      c->shape += " records";
      c->ask = [=](const fl::Query& scan) { return RecordsText(cut(base(scan))); };
    } else if (kind == 2) {
      c->shape += " stream of every column";
      c->ask = [=](const fl::Query& scan) { return StreamText(cut(base(scan))); };
    } else if (kind == 3) {
      const auto columns = Keys();
      const bool sorted = !columns.empty() && random_.Chance(0.5);
      c->shape += sorted ? " sorted rows" : " rows";
      c->ask = [=](const fl::Query& scan) {
        fl::Query query = base(scan);
        if (!columns.empty()) query = query.Select(columns);
        const absl::StatusOr<fl::Table> table = query.Collect();
        if (sorted && table.ok() && table->num_columns() > 0) query = query.Sort(table->columns()[0].name(), order);
        return CollectText(cut(query).Collect());
      };
    } else if (kind == 4) {
      const auto keys = Keys();
      const auto aggregates = Aggregates();
      c->shape += " all at once";
      c->ask = [=](const fl::Query& scan) {
        const absl::StatusOr<std::vector<fl::Table>> tables = fl::CollectAll(
            {base(scan).GroupBy(keys).Aggregate(aggregates), cut(scan), cut(base(scan).Select({"srcaddr", "bytes"})),
             scan.Aggregate({"count()", "distinct(srcaddr)"})});
        if (!tables.ok()) return Message(tables.status());
        std::string out;
        for (const fl::Table& table : *tables) out += CollectText(table);
        return out;
      };
    } else {
      const auto keys = Keys();
      const auto aggregates = Aggregates();
      const bool sorted = random_.Chance(0.5);
      c->shape += sorted ? " sorted groups" : " groups";
      for (const auto& key : keys) c->shape += " " + key.text;
      for (const auto& aggregate : aggregates) c->shape += " " + aggregate.text;
      c->ask = [=](const fl::Query& scan) {
        fl::Query query = base(scan).GroupBy(keys).Aggregate(aggregates);
        if (sorted) {
          const absl::StatusOr<fl::Table> table = query.Collect();
          if (table.ok()) query = query.Sort(table->columns().back().name(), order);
        }
        return CollectText(cut(query).Collect());
      };
    }
    return made;
  }

 private:
  std::string Filter() {
    return std::string(random_.Of(
        {"rejected", "dstport in (22, 443, 3389)", "not (action = 'ACCEPT')", "addr in 10.0.0.0/8",
         "src not in private", "bytes > 1k or packets is null", "start >= 1700001000 and bytes != 443", "duration > 0",
         "port = 443", "dstaddr like '%.%' or dstaddr ~ '::'", "log_status = 'NODATA' or bytes is null",
         "srcaddr in multicast", "protocol = tcp and not dstport between 100 and 60000",
         "account_id like '0%' or interface_id ~ '^eni-1'", "action is not null and (dstport < 100 or srcport < 100)",
         "addr = 2001:db8::1 or dst != 10.0.0.1"}));
  }

  std::vector<fl::NamedExpression> Some(std::vector<fl::NamedExpression> all, size_t least,
                                        const std::vector<fl::NamedExpression>& others) {
    if (more_) all.insert(all.end(), others.begin(), others.end());
    std::shuffle(all.begin(), all.end(), random_.engine());
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(least + random_.Below(4)), all.end());
    return all;
  }
  std::vector<fl::NamedExpression> Keys() {
    return Some({"srcaddr", "dstaddr", "action", "dstport", "bin(start, 5m)", "prefix(srcaddr, 16)", "scope(dstaddr)",
                 "service", "protocol", "service(dstport)", "log_status", "bytes", "duration", "interface_id", "start"},
                random_.Below(3),
                {"direction", "own", "peer", "client", "server", "server_port", "orientation", "_line", "_source",
                 "scope(peer)", "instance_tag", "tcp_flags"});
  }
  std::vector<fl::NamedExpression> Aggregates() {
    return Some({"count()", "count(bytes)", "sum(bytes)", "min(bytes)", "max(packets)", "mean(bytes)",
                 "distinct(srcaddr)", "distinct(interface_id)", "distinct(dstport)", "min(srcaddr)", "max(dstaddr)",
                 "min(action)", "max(start)", "sum(duration)", "mean(duration)", "count(action)", "min(interface_id)"},
                1,
                {"connections()", "first(bytes)", "last(srcaddr)", "quantile(bytes, 0.5)", "approx_distinct(srcaddr)",
                 "approx_distinct(action)", "distinct(peer)", "count(client)"});
  }

  Random& random_;
  const bool more_;
};

inline size_t RandomBlockBytes(Random* random) {
  switch (random->Below(4)) {
    case 0:
      return random->Of(std::vector<size_t>{15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129});
    case 1:
      return 300 + random->Below(5000);
    default:
      return 1 + random->Below(300);
  }
}

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_QUERY_RANDOM_QUESTIONS_H_
