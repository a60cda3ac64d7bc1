// Pre-tokens already encoded: 32-byte slots for the short ones (at most 15 bytes and 4 ids), an arena for longer ones. One thread owns it;
// behind it stand the seeds, which all threads read: pre-tokens that were encoded when the tokenizer was compiled.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/compiled_image.hpp"
#include "text/string_index.hpp"

namespace ayar::text {

// The bytes of a short piece and, in the last byte, their number: 1 to 15.
struct PieceKey {
  uint64_t low = 0, high = 0;

  uint64_t hash() const {
    const uint64_t mixed = (low ^ (high << 29 | high >> 35)) * 0x9E3779B97F4A7C15u + high;
    return mixed ^ mixed >> 29;
  }
};

inline constexpr size_t kShortPiece = 15;
inline constexpr size_t kShortIds = 4;

// By size: a table, for a branch on the size of a piece is guessed wrong too often.
struct PieceMasks {
  uint64_t low[kShortPiece + 1] = {}, high[kShortPiece + 1] = {};
  constexpr PieceMasks() {
    for (size_t size = 0; size <= kShortPiece; ++size) {
      low[size] = size >= 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * size) - 1;
      high[size] = size > 8 ? (uint64_t{1} << 8 * (size - 8)) - 1 : 0;
    }
  }
};
inline constexpr PieceMasks kPieceMasks;

// Reads 16 bytes: the caller knows that they are there.
inline PieceKey key_of_readable(const uint8_t* p, size_t size) {
  uint64_t low, high;
  std::memcpy(&low, p, 8);
  std::memcpy(&high, p + 8, 8);
  return {low & kPieceMasks.low[size], (high & kPieceMasks.high[size]) | uint64_t{size} << 56};
}

inline PieceKey key_of(const uint8_t* p, size_t size) {
  uint8_t padded[16] = {};
  std::memcpy(padded, p, size);
  return key_of_readable(padded, size);
}

struct alignas(16) PieceSlot {
  uint64_t low = 0, high = 0;    // high 0: empty
  uint32_t ids[kShortIds] = {};  // the number of ids rides in the top 4 bits of the first

  static PieceSlot of(PieceKey key, const uint32_t* ids, size_t count) {
    PieceSlot slot{key.low, key.high, {}};
    std::memcpy(slot.ids, ids, count * sizeof *ids);
    slot.ids[0] |= static_cast<uint32_t>(count) << 28;
    return slot;
  }
};

// Four slots a bucket, in two lines of the cache: a piece's first two, then, where these are full, the others. A power of two in all.
struct PieceBucket {
  static size_t first(uint64_t hash, size_t slots) { return hash & (slots - 2); }
  static size_t second(uint64_t hash, size_t slots) { return first(hash, slots) ^ 2; }
};

inline bool holds(const PieceSlot& slot, PieceKey key) {
  return ((slot.low ^ key.low) | (slot.high ^ key.high)) == 0;  // one branch, or none
}

// The slot of a piece, or nullptr.
inline const PieceSlot* find_slot(const PieceSlot* slots, size_t size, PieceKey key, uint64_t hash) {
  const PieceSlot* const pair = slots + PieceBucket::first(hash, size);
  const PieceSlot* slot = pair + !holds(pair[0], key);  // which of the two it is cannot be guessed
  if (holds(*slot, key)) [[likely]]
    return slot;
  if (pair[1].high == 0) return nullptr;  // the other line is only for what comes when this one is full
  const PieceSlot* const other = slots + PieceBucket::second(hash, size);
  slot = other + !holds(other[0], key);
  return holds(*slot, key) ? slot : nullptr;
}

// Writes a slot's 4 ids, and returns how many of them count.
inline size_t copy_ids(const PieceSlot& slot, uint32_t* ids) {
  uint64_t halves[2];
  std::memcpy(halves, slot.ids, sizeof halves);
  const size_t count = static_cast<uint32_t>(halves[0]) >> 28;
  halves[0] &= ~(uint64_t{15} << 28);
  std::memcpy(ids, halves, sizeof halves);
  return count;
}

// Puts a piece where it was, or into an empty slot of its bucket. False where there is none.
bool place_piece(PieceSlot* slots, size_t size, const PieceSlot& piece, uint64_t hash);

// The seeds of an image. Throws DamagedImage where a slot holds what no token has.
std::span<const PieceSlot> checked_seeds(const CompiledImage& image, uint32_t id_count);

// Empty slots; on huge pages where there are many, for a prefetch is lost where the address has no entry in the TLB.
class PieceSlots {
 public:
  explicit PieceSlots(size_t size);
  PieceSlots(PieceSlots&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)), size_(other.size_) {}
  PieceSlots& operator=(PieceSlots&& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~PieceSlots();

  PieceSlot* data() { return slots_; }
  const PieceSlot* data() const { return slots_; }
  size_t size() const { return size_; }

 private:
  PieceSlot* slots_;
  size_t size_;
};

class PieceCache {
 public:
  explicit PieceCache(std::span<const PieceSlot> seeds) : slots_(kMinSlots), seeds_(seeds) {}

  // Room for the pieces of a text of so many bytes, at once and not in many small steps; it grows where that was too little.
  // Before a long text the seeds move in: then nothing is looked up twice, and all of it lies on huge pages.
  void expect(size_t text_bytes);

  void prefetch(uint64_t hash) const { __builtin_prefetch(slots_.data() + PieceBucket::first(hash, slots_.size())); }
  void prefetch_seed(PieceKey key, uint64_t hash) const {
    if (seeds_.empty() || find_slot(slots_.data(), slots_.size(), key, hash) != nullptr) return;
    __builtin_prefetch(seeds_.data() + PieceBucket::first(hash, seeds_.size()));
  }

  // Writes the ids of a short piece, up to kMaxIds, and returns their number; 0 where it is not here. What only the seeds have is kept here
  // too.
  size_t find(PieceKey key, uint64_t hash, uint32_t* ids) {
    const PieceSlot* const slot = find_slot(slots_.data(), slots_.size(), key, hash);
    if (slot == nullptr) return find_seed(key, hash, ids);
    const size_t count = copy_ids(*slot, ids);
    return count <= kShortIds ? count : find_many(ids);
  }

  size_t seed_lookups() const { return seed_lookups_; }  // how often a piece was not here, so far

  // Keeps a short piece of 1 to kMaxIds ids.
  static constexpr size_t kMaxIds = 64;
  void insert(PieceKey key, uint64_t hash, const uint32_t* ids, size_t count);

  // The hash of a longer piece, whose slot is on its way from memory then.
  uint64_t prefetch_long(const uint8_t* piece, size_t size) const {
    if (size > kMaxLongPiece || long_slots_.empty()) return 0;
    const uint64_t hash = hash_bytes(reinterpret_cast<const char*>(piece), size);
    __builtin_prefetch(long_slots_.data() + (hash & (long_slots_.size() - 1)));
    return hash;
  }
  // The ids of a longer piece, or nullptr.
  const uint32_t* find_long(std::string_view piece, uint64_t hash, size_t& count) const;
  void insert_long(std::string_view piece, const uint32_t* ids, size_t count);

 private:
  static constexpr size_t kMinSlots = 1 << 10, kMaxSlots = 1 << 20;  // 32 kB to 32 MB
  static constexpr size_t kMinLongSlots = 1 << 10, kMaxLongSlots = 1 << 17;
  static constexpr size_t kMaxLongPiece = 128, kMaxLongWords = 3 << 20;
  static constexpr size_t kLongText = 1 << 20;  // bytes

  struct LongSlot {
    uint32_t tag = 0;               // the upper half of the hash
    uint32_t begin = 0;             // in long_: the ids, and the bytes behind them
    uint16_t count = 0, bytes = 0;  // bytes 0: empty
    uint32_t low = 0;               // half of the hash
  };

  static constexpr uint32_t kMany = 15;  // in the place of the number of ids: they lie in long_

  size_t find_seed(PieceKey key, uint64_t hash, uint32_t* ids);
  size_t find_many(uint32_t* ids) const;
  void place(const PieceSlot& slot, uint64_t hash);
  void grow(size_t size);
  void grow_long();

  PieceSlots slots_;
  std::span<const PieceSlot> seeds_;
  size_t filled_ = 0, seed_lookups_ = 0;
  uint32_t generation_ = 0;  // how often the long pieces began again
  std::vector<LongSlot> long_slots_;
  size_t long_filled_ = 0;
  std::vector<uint32_t> long_;
};

}  // namespace ayar::text
