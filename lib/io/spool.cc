#include "lib/io/spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
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

}  // namespace

// The second pass over a spooled input.
class SpooledInput final : public Input {
 public:
  SpooledInput(const BlockSpool* spool, const Input& first)
      : spool_(spool), damage_(first.damage()), stored_bytes_(first.stored_bytes_total()) {
    name_ = first.name();
    prefix_ = first.prefix();
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
    size_t done = 0;
    while (done < entry.size) {
      const ssize_t n = pread(spool_->fd_, data + done, entry.size - done, static_cast<off_t>(entry.offset + done));
      if (n > 0) {
        done += static_cast<size_t>(n);
      } else if (n == 0 || errno != EINTR) {
        const std::lock_guard lock(mutex_);
        damage_ = InputDamage{entry.offset + done, "the temporary file of the second pass could not be read"};
        BlockAccess::Deliver(block, 0, 0);
        BlockAccess::SetEndsInput(block);
        return;
      }
    }
    BlockAccess::Deliver(block, 0, entry.size);
    BlockAccess::Restore(block, entry.too_long, entry.unfinished, entry.ends_input);
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
  Entry entry{0, text.size(), block.last_line_too_long(), block.last_line_unfinished(), block.ends_input()};
  {
    const std::lock_guard lock(mutex_);
    entry.offset = end_;
    end_ += text.size();
    if (entries_.size() <= block.sequence()) entries_.resize(block.sequence() + 1);
    entries_[block.sequence()] = entry;
  }
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = pwrite(fd_, text.data() + done, text.size() - done, static_cast<off_t>(entry.offset + done));
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      return Failed("the temporary file could not be written");
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<Input> BlockSpool::Open(const Input& first) const { return std::make_unique<SpooledInput>(this, first); }

}  // namespace v1
}  // namespace flowlogs
