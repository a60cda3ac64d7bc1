// Pair of token ids → rank of its merge: one 64-bit word a slot, half full, so that much of it stays in the cache; in a compiled image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/compiled_image.hpp"

namespace ayar::text {

struct Merge {
  uint32_t left, right, merged;
};

class MergeTable {
 public:
  static constexpr uint32_t kNoMerge = 0xFFFFFFFF;
  static constexpr uint32_t kMaxMerges = (1u << 22) - 1;  // the last rank would look like an empty slot

  // Rank is the place in the list; the later of two equal pairs wins, as in `tokenizers`. Throws std::invalid_argument over kMaxMerges.
  static void build(const std::vector<Merge>& merges, ImageBuilder& image);
  // Throws DamagedImage where a slot leads outside of `merged`, or that outside of the ids.
  MergeTable(const CompiledImage& image, uint32_t id_count);

  uint32_t rank(uint32_t left, uint32_t right) const {
    for (size_t slot = first_slot(left, right, slots_.size() - kTail);; ++slot) {
      const uint64_t entry = slots_[slot];
      if (entry == kEmpty) return kNoMerge;
      if (entry >> 22 == key(left, right)) return entry & 0x3FFFFF;
    }
  }

  uint32_t merged(uint32_t rank) const { return merged_[rank]; }
  std::span<const uint32_t> merged() const { return merged_; }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  static constexpr size_t kTail = 64;  // slots behind those that a pair may start at; the last is always empty

  static uint64_t key(uint32_t left, uint32_t right) { return uint64_t{left} << 21 | right; }
  static size_t first_slot(uint32_t left, uint32_t right, size_t slots) {
    const uint64_t mixed = key(left, right) * 0x9E3779B97F4A7C15u;
    return ((mixed ^ mixed >> 32) & 0xFFFFFFFF) * slots >> 32;
  }

  std::span<const uint64_t> slots_;
  std::span<const uint32_t> merged_;
};

}  // namespace ayar::text
