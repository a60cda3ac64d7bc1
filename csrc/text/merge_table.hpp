// Pair of token ids → rank of its merge: one 64-bit word a slot, at most half full.
#pragma once

#include <cstdint>
#include <vector>

namespace ayar::text {

class MergeTable {
 public:
  static constexpr uint32_t kNoMerge = 0xFFFFFFFF;
  static constexpr uint32_t kMaxIds = 1u << 21;
  static constexpr uint32_t kMaxMerges = (1u << 22) - 1;  // the last rank would look like an empty slot

  explicit MergeTable(size_t merges = 0) {
    size_t slots = 16;
    while (slots < 2 * merges) slots *= 2;
    slots_.assign(slots, kEmpty);
    merged_.assign(merges, 0);
  }

  // The later of two equal pairs wins, as in `tokenizers`.
  void insert(uint32_t left, uint32_t right, uint32_t rank, uint32_t merged) {
    size_t slot = first_slot(left, right);
    while (slots_[slot] != kEmpty && slots_[slot] >> 22 != key(left, right)) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = key(left, right) << 22 | rank;
    merged_[rank] = merged;
  }

  uint32_t rank(uint32_t left, uint32_t right) const {
    for (size_t slot = first_slot(left, right);; slot = (slot + 1) & (slots_.size() - 1)) {
      const uint64_t entry = slots_[slot];
      if (entry == kEmpty) return kNoMerge;
      if (entry >> 22 == key(left, right)) return entry & 0x3FFFFF;
    }
  }

  uint32_t merged(uint32_t rank) const { return merged_[rank]; }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  static uint64_t key(uint32_t left, uint32_t right) { return uint64_t{left} << 21 | right; }
  size_t first_slot(uint32_t left, uint32_t right) const {
    const uint64_t mixed = key(left, right) * 0x9E3779B97F4A7C15u;
    return (mixed ^ mixed >> 32) & (slots_.size() - 1);
  }

  std::vector<uint64_t> slots_;
  std::vector<uint32_t> merged_;
};

}  // namespace ayar::text
