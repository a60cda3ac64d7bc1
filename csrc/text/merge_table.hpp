// Pair of token ids → its merge: one 64-bit word a slot, eight slots a line of the cache, half full. A pair is looked for in the whole line
// at once, without a branch, for how far a chain goes cannot be guessed; in a compiled image.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "text/compiled_image.hpp"

namespace ayar::text {

struct Merge {
  uint32_t left, right, merged;
};

class MergeTable {
 public:
  // A merge's code: of two merges, the one with the lower code comes first. Where merges make ids that never fall (they nearly always do),
  // it is the id and the merge's number among those that make the same id; else it is the merge's place in the list.
  static constexpr uint32_t kNoMerge = 0xFFFFFFFF;
  static constexpr uint32_t kMaxMerges = (1u << 22) - 1;  // the last place would look like an empty slot

  // The later of two equal pairs wins, as in `tokenizers`. All ids are below `id_bound`, those of symbols that never merge too. Returns the
  // code of each merge. Throws std::invalid_argument over kMaxMerges.
  static std::vector<uint32_t> build(const std::vector<Merge>& merges, uint32_t id_bound, ImageBuilder& image);
  // Throws DamagedImage where a slot leads outside of `merged`, or that outside of the ids.
  MergeTable(const CompiledImage& image, uint32_t id_count);

  uint32_t code(uint32_t left, uint32_t right) const {
    const uint64_t wanted = key(left, right, id_bits_);
    const uint64_t* line = slots_.data() + kLine * line_of(wanted, lines_);
    for (;; line += kLine) {
      uint64_t found = kEmpty;
      for (size_t i = 0; i < kLine; ++i) found = line[i] >> code_bits_ == wanted ? line[i] : found;
      if (found != kEmpty) return static_cast<uint32_t>(found) & code_mask_;
      if (line[kLine - 1] == kEmpty) [[likely]]
        return kNoMerge;
    }
  }

  // Of a code that this table gave, or that is_code() holds for.
  uint32_t merged(uint32_t code) const { return merged_.empty() ? code >> tie_bits_ : merged_[code]; }
  bool is_code(uint32_t code) const {
    return code <= code_mask_ && (merged_.empty() ? code >> tie_bits_ < id_count_ : code < merged_.size());
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  static constexpr size_t kLine = 8;
  static constexpr size_t kTailLines = 8;                      // behind those that a pair may start at; the last is never full
  static constexpr uint32_t kMinIdBits = 17, kMaxIdBits = 21;  // so that a code has at most 30 bits, and at least 22

  struct Layout {
    uint32_t id_bits = kMaxIdBits;
    bool has_merged = true;  // codes are places
    uint32_t tie_bits = 0;   // else: below the id
  };
  static Layout layout_of(const std::vector<Merge>& merges, uint32_t id_bound);

  static uint64_t key(uint32_t left, uint32_t right, uint32_t id_bits) { return uint64_t{left} << id_bits | right; }
  static size_t line_of(uint64_t key, size_t lines) {
    const uint64_t mixed = key * 0x9E3779B97F4A7C15u;
    return ((mixed ^ mixed >> 32) & 0xFFFFFFFF) * lines >> 32;
  }

  std::shared_ptr<uint64_t[]> copy_;  // of the image's slots
  std::span<const uint64_t> slots_;
  std::span<const uint32_t> merged_;  // empty where codes hold ids
  size_t lines_ = 0;                  // that a pair may start at
  uint32_t id_bits_, code_bits_, tie_bits_, code_mask_, id_count_;
};

}  // namespace ayar::text
