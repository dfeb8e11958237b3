#include "lib/io/spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include "lib/io/block_access.h"

namespace flowlogs {
inline namespace v1 {
namespace {

std::string TemporaryFolder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

absl::Status Failed(const std::string& what) {
  const int error = errno;
  return absl::ResourceExhaustedError(what + " in " + TemporaryFolder() + ": " + std::strerror(error) +
                                      "; an input that can be read only once is kept there between two passes: make room, set "
                                      "TMPDIR, or save the input as a file");
}

// Only this process reads the bytes: numbers as they stand in memory.
void AppendNumber(uint64_t number, std::string* out) { out->append(reinterpret_cast<const char*>(&number), sizeof(number)); }
void AppendText(std::string_view text, std::string* out) {
  AppendNumber(text.size(), out);
  *out += text;
}
uint64_t TakeNumber(std::string_view* bytes) {
  uint64_t number;
  std::memcpy(&number, bytes->data(), sizeof(number));
  bytes->remove_prefix(sizeof(number));
  return number;
}
std::string TakeText(std::string_view* bytes) {
  const size_t size = TakeNumber(bytes);
  std::string text(bytes->substr(0, size));
  bytes->remove_prefix(size);
  return text;
}

std::string BytesOf(const BlockEvents& events) {
  std::string bytes;
  AppendNumber(events.origins.size(), &bytes);
  for (const BlockEvents::Origin& origin : events.origins) {
    for (const std::string* text :
         {&origin.log_group, &origin.log_stream, &origin.owner, &origin.account, &origin.region}) {
      AppendText(*text, &bytes);
    }
  }
  static_assert(std::is_trivially_copyable_v<BlockEvents::Event>);
  AppendText({reinterpret_cast<const char*>(events.events.data()), events.events.size() * sizeof(BlockEvents::Event)},
             &bytes);
  return bytes += events.ids;
}

BlockEvents EventsOf(std::string_view bytes) {
  BlockEvents events;
  events.origins.resize(TakeNumber(&bytes));
  for (BlockEvents::Origin& origin : events.origins) {
    for (std::string* text : {&origin.log_group, &origin.log_stream, &origin.owner, &origin.account, &origin.region}) {
      *text = TakeText(&bytes);
    }
  }
  const std::string numbers = TakeText(&bytes);
  events.events.resize(numbers.size() / sizeof(BlockEvents::Event));
  if (!numbers.empty()) std::memcpy(events.events.data(), numbers.data(), numbers.size());
  events.ids = bytes;
  return events;
}

}  // namespace

// The second pass over a spooled input.
class SpooledInput final : public Input {
 public:
  SpooledInput(const BlockSpool* spool, const Input& first)
      : spool_(spool), damage_(first.damage()), stored_bytes_(first.stored_bytes_total()) {
    name_ = first.name();
    prefix_ = first.prefix();
    prefix_header_ = first.prefix_header();
    next_parts_.assign(first.next_parts().begin(), first.next_parts().end());
    prefix_is_all_ = first.prefix_is_all();
  }
  bool can_be_reopened() const override { return true; }
  bool Claim(Block* block) override {
    if (next_ == spool_->entries_.size()) return false;
    BlockAccess::Begin(block, next_, 0);
    ++next_;
    return true;
  }
  void Load(Block* block) override {
    const BlockSpool::Entry& entry = spool_->entries_[block->sequence()];
    char* data = BlockAccess::Reserve(block, entry.size, 0);
    std::string events(entry.events_size, '\0');
    const size_t done = spool_->Read(data, entry.size, entry.offset);
    if (done < entry.size || spool_->Read(events.data(), events.size(), entry.offset + entry.size) < events.size()) {
      const std::lock_guard lock(mutex_);
      damage_ = InputDamage{entry.offset + done, "the temporary file of the second pass could not be read"};
      BlockAccess::Deliver(block, 0, 0);
      BlockAccess::SetEndsInput(block);
      return;
    }
    BlockAccess::Deliver(block, 0, entry.size);
    BlockAccess::SetMarks(block, entry.marks);
    if (!events.empty()) *BlockAccess::Events(block) = EventsOf(events);
  }
  std::optional<InputDamage> damage() const override {
    const std::lock_guard lock(mutex_);
    return damage_;
  }
  uint64_t stored_bytes_read() const override { return stored_bytes_; }
  uint64_t stored_bytes_total() const override { return stored_bytes_; }

 private:
  const BlockSpool* spool_;
  uint64_t next_ = 0;
  mutable std::mutex mutex_;
  std::optional<InputDamage> damage_;
  uint64_t stored_bytes_;
};

absl::StatusOr<std::shared_ptr<BlockSpool>> BlockSpool::Create() {
  std::string path = TemporaryFolder() + "/flowlogs-XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return Failed("no temporary file could be made");
  unlink(path.c_str());
  return std::shared_ptr<BlockSpool>(new BlockSpool(fd));
}

BlockSpool::~BlockSpool() { close(fd_); }

absl::Status BlockSpool::Append(const Block& block) {
  const std::string_view text = block.text();
  const std::string events = block.events() == nullptr ? std::string() : BytesOf(*block.events());
  Entry entry{0, text.size(), events.size(), BlockAccess::MarksOf(block)};
  {
    const std::lock_guard lock(mutex_);
    entry.offset = end_;
    end_ += text.size() + events.size();
    if (entries_.size() <= block.sequence()) entries_.resize(block.sequence() + 1);
    entries_[block.sequence()] = entry;
  }
  if (!Write(text, entry.offset) || !Write(events, entry.offset + text.size())) {
    return Failed("the temporary file could not be written");
  }
  return absl::OkStatus();
}

bool BlockSpool::Write(std::string_view bytes, uint64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

size_t BlockSpool::Read(char* to, size_t size, uint64_t offset) const {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd_, to + done, size - done, static_cast<off_t>(offset + done));
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      break;
    }
  }
  return done;
}

std::unique_ptr<Input> BlockSpool::Open(const Input& first) const { return std::make_unique<SpooledInput>(this, first); }

}  // namespace v1
}  // namespace flowlogs
