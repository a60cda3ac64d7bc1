#include "text/merge_table.hpp"

#include <algorithm>

namespace ayar::text {

void MergeTable::build(const std::vector<Merge>& merges, ImageBuilder& image) {
  if (merges.size() > kMaxMerges) throw std::invalid_argument("more than 4,194,303 merges");
  std::vector<uint64_t> slots;
  for (size_t size = 2 * merges.size() + 16; slots.empty(); size += size / 4) {  // larger where a chain reaches the end
    if (size > 8 * merges.size() + 1024) throw std::invalid_argument("merges made to collide");
    slots.assign(size + kTail, kEmpty);
    for (size_t rank = 0; rank < merges.size() && !slots.empty(); ++rank) {
      const uint64_t pair = key(merges[rank].left, merges[rank].right);
      size_t slot = first_slot(merges[rank].left, merges[rank].right, size);
      while (slots[slot] != kEmpty && slots[slot] >> 22 != pair) ++slot;
      slots[slot] = pair << 22 | rank;
      if (slot + 1 == slots.size()) slots.clear();
    }
  }
  std::vector<uint32_t> merged;
  merged.reserve(merges.size());
  for (const Merge& merge : merges) merged.push_back(merge.merged);
  image.add<uint64_t>(Section::merge_slots, slots);
  image.add<uint32_t>(Section::merged, merged);
}

MergeTable::MergeTable(const CompiledImage& image, uint32_t id_count)
    : slots_(image.array<uint64_t>(Section::merge_slots)), merged_(image.array<uint32_t>(Section::merged)) {
  if (slots_.size() <= kTail || slots_.size() > 4 * uint64_t{kMaxMerges} + kTail || slots_.back() != kEmpty) {
    throw DamagedImage("the index of merges has a wrong size");
  }
  uint64_t greatest = 0;
  for (const uint64_t entry : slots_) greatest = std::max(greatest, entry == kEmpty ? 0 : (entry & 0x3FFFFF) + 1);
  if (greatest > merged_.size()) throw DamagedImage("the index of merges leads outside");
  if (!merged_.empty() && *std::max_element(merged_.begin(), merged_.end()) >= id_count)
    throw DamagedImage("a merge makes an id without token");
}

}  // namespace ayar::text
