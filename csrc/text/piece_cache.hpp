// Pre-tokens already encoded: 32-byte slots for the short ones (at most 15 bytes and 4 ids), an arena for longer ones. One thread owns it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

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

// Reads 16 bytes: the caller knows that they are there.
inline PieceKey key_of_readable(const uint8_t* p, size_t size) {
  uint64_t low, high;
  std::memcpy(&low, p, 8);
  std::memcpy(&high, p + 8, 8);
  const uint64_t low_mask = size >= 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * size) - 1;
  const uint64_t high_mask = size > 8 ? (uint64_t{1} << 8 * (size - 8)) - 1 : 0;
  return {low & low_mask, (high & high_mask) | uint64_t{size} << 56};
}

inline PieceKey key_of(const uint8_t* p, size_t size) {
  uint8_t padded[16] = {};
  std::memcpy(padded, p, size);
  return key_of_readable(padded, size);
}

class PieceCache {
 public:
  PieceCache() : slots_(kFirstSlots) {}

  struct alignas(32) Slot {
    uint64_t low = 0, high = 0;
    uint32_t ids[4] = {};  // the number of ids rides in the top 4 bits of the first
  };

  const Slot* bucket(uint64_t hash) const { return &slots_[hash & (slots_.size() - 2)]; }

  // Writes 4 ids, of which the number returned counts; 0 where the piece is not here.
  size_t find(PieceKey key, uint64_t hash, uint32_t* ids) const {
    const Slot* const pair = bucket(hash);
    const Slot* const slot = pair[0].low == key.low && pair[0].high == key.high ? pair : pair + 1;
    if (slot->low != key.low || slot->high != key.high) return 0;
    std::memcpy(ids, slot->ids, sizeof slot->ids);
    const size_t count = ids[0] >> 28;
    ids[0] &= 0x0FFFFFFF;
    return count;
  }

  // Keeps a piece of 1 to 4 ids.
  void insert(PieceKey key, uint64_t hash, const uint32_t* ids, size_t count);

  // The ids of a longer piece, or nullptr.
  const uint32_t* find_long(std::string_view piece, size_t& count) const;
  void insert_long(std::string_view piece, const uint32_t* ids, size_t count);

 private:
  static constexpr size_t kFirstSlots = 1 << 14, kMaxSlots = 1 << 20;  // 512 kB to 32 MB
  static constexpr size_t kLongSlots = 1 << 15;
  static constexpr size_t kMaxLongPiece = 128;

  struct LongSlot {
    uint64_t hash = 0;
    uint32_t begin = 0;  // of the ids in long_ids_, of the bytes in long_bytes_
    uint32_t bytes_begin = 0;
    uint16_t count = 0, bytes = 0;  // bytes 0: empty
  };

  void place(const Slot& slot, uint64_t hash);
  void grow();

  std::vector<Slot> slots_;
  size_t filled_ = 0;
  std::vector<LongSlot> long_slots_;
  size_t long_filled_ = 0;
  std::vector<uint32_t> long_ids_;
  std::vector<char> long_bytes_;
};

}  // namespace ayar::text
