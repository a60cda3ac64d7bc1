#include "core/arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <new>
#include <set>
#include <tuple>
#include <unordered_map>

namespace ayar {
namespace {

constexpr size_t kLine = 64, kPage = 4 << 10, kHugePage = 2 << 20;
constexpr size_t kStagger = 5 * kLine;  // between blocks, so that rows of several arrays do not meet in the same sets of a cache
constexpr size_t kSlab = 64 << 20;      // address space asked for at a time; untouched pages of it cost nothing
constexpr size_t kFit = 8;              // a block may be larger than asked for by one part in kFit
constexpr size_t kSpare = 16 << 20;     // what may wait beside one part in kFit of the most ever taken

uintptr_t round_up(uintptr_t value, uintptr_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// By size, of one size the last given first: it may still lie in cache.
struct Waiting {
  size_t bytes;
  int64_t age;
  char* place;
  bool operator<(const Waiting& other) const { return std::tie(bytes, age) < std::tie(other.bytes, other.age); }
};
using WaitingBlocks = std::set<Waiting>;

class Arena {
 public:
  void* take(size_t asked) {
    const std::lock_guard<std::mutex> held(mutex_);
    const size_t bytes = round_up(std::max<size_t>(asked, 1), kLine);
    char* place = take_from(resident_, bytes);
    if (place != nullptr) {
      use_.waiting -= taken_[place];
    } else {
      release_beyond(bytes);
      place = take_from(released_, bytes);
      if (place == nullptr) place = new_block(bytes);
    }
    use_.taken += taken_[place];
    use_.most_taken = std::max(use_.most_taken, use_.taken);
    return place;
  }

  void give(void* block) {
    const std::lock_guard<std::mutex> held(mutex_);
    const auto found = taken_.find(static_cast<char*>(block));
    resident_.insert({found->second, --age_, found->first});
    use_.taken -= found->second;
    use_.waiting += found->second;
    taken_.erase(found);
  }

  void trim() {
    const std::lock_guard<std::mutex> held(mutex_);
    while (!resident_.empty()) release(resident_.begin());
  }

  ArenaUse use() {
    const std::lock_guard<std::mutex> held(mutex_);
    return use_;
  }

 private:
  char* take_from(WaitingBlocks& blocks, size_t bytes) {
    const auto found = blocks.lower_bound({bytes, INT64_MIN, nullptr});
    if (found == blocks.end() || found->bytes > bytes + bytes / kFit) return nullptr;
    char* place = found->place;
    taken_[place] = found->bytes;
    blocks.erase(found);
    return place;
  }

  char* new_block(size_t bytes) {
    if (bytes > left_) {
      const size_t slab = round_up(std::max(bytes, kSlab), kHugePage);
      void* memory = mmap(nullptr, slab + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) throw std::bad_alloc();
      next_ = reinterpret_cast<char*>(round_up(reinterpret_cast<uintptr_t>(memory), kHugePage));
      left_ = slab;
      madvise(next_, slab, MADV_HUGEPAGE);  // refused where the system has none: the memory serves all the same
    }
    char* place = next_;
    const size_t used = std::min(left_, bytes + kStagger);
    next_ += used;
    left_ -= used;
    taken_[place] = bytes;
    return place;
  }

  // Makes room for `bytes` more: sizes that no longer occur must not pile up.
  void release_beyond(size_t bytes) {
    const size_t most = std::max(use_.most_taken, use_.taken + bytes);
    const size_t limit = most + most / kFit + kSpare;
    while (!resident_.empty() && use_.taken + use_.waiting + bytes > limit) {
      release(std::max_element(resident_.begin(), resident_.end(), [](const Waiting& a, const Waiting& b) { return a.age < b.age; }));
    }
  }

  // The pages go back to the system, the place is kept.
  void release(WaitingBlocks::const_iterator block) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(block->place);
    const uintptr_t first = round_up(begin, kPage), end = (begin + block->bytes) / kPage * kPage;
    if (first < end) madvise(block->place + (first - begin), end - first, MADV_DONTNEED);
    use_.waiting -= block->bytes;
    released_.insert(*block);
    resident_.erase(block);
  }

  std::mutex mutex_;
  std::unordered_map<char*, size_t> taken_;
  WaitingBlocks resident_, released_;
  ArenaUse use_{0, 0, 0};
  int64_t age_ = 0;  // falls with every block that comes back
  char* next_ = nullptr;
  size_t left_ = 0;
};

// Never destroyed: arrays may outlive everything else at exit.
Arena& arena() {
  static Arena* const instance = new Arena;
  return *instance;
}

}  // namespace

void* arena_take(size_t bytes) {
  return arena().take(bytes);
}
void arena_give(void* block) noexcept {
  arena().give(block);
}
ArenaUse arena_use() {
  return arena().use();
}
void arena_trim() {
  arena().trim();
}

}  // namespace ayar
