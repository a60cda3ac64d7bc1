#include "text/merge_table.hpp"

#include <algorithm>
#include <bit>

#include "text/huge_array.hpp"

namespace ayar::text {

MergeTable::Layout MergeTable::layout_of(const std::vector<Merge>& merges, uint32_t id_bound) {
  Layout layout{std::max(kMinIdBits, static_cast<uint32_t>(std::bit_width(id_bound))), false, 0};
  uint32_t ties = 0, most_ties = 0;
  for (size_t rank = 1; rank < merges.size(); ++rank) {
    ties = merges[rank - 1].merged == merges[rank].merged ? ties + 1 : 0;
    most_ties = std::max(most_ties, ties);
    layout.has_merged = layout.has_merged || merges[rank - 1].merged > merges[rank].merged;
  }
  layout.tie_bits = static_cast<uint32_t>(std::bit_width(most_ties + 1));  // all ones is left to empty slots
  layout.has_merged = layout.has_merged || 3 * layout.id_bits + layout.tie_bits > 64;
  if (layout.has_merged) layout.tie_bits = 0;
  return layout;
}

std::vector<uint32_t> MergeTable::build(const std::vector<Merge>& merges, uint32_t id_bound, ImageBuilder& image) {
  if (merges.size() > kMaxMerges) throw std::invalid_argument("more than 4,194,303 merges");
  const Layout layout = layout_of(merges, id_bound);
  const uint32_t code_bits = 64 - 2 * layout.id_bits;
  std::vector<uint32_t> codes(merges.size());
  uint32_t ties = 0;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    ties = rank > 0 && merges[rank - 1].merged == merges[rank].merged ? ties + 1 : 0;
    codes[rank] = layout.has_merged ? static_cast<uint32_t>(rank) : merges[rank].merged << layout.tie_bits | ties;
  }
  std::vector<uint64_t> slots;
  for (size_t lines = merges.size() / (kLine / 2) + 1; slots.empty(); lines += lines / 4 + 1) {  // more where a chain reaches the end
    if (lines > 2 * merges.size() + 1024) throw std::invalid_argument("merges made to collide");
    slots.assign((lines + kTailLines) * kLine, kEmpty);
    for (size_t rank = 0; rank < merges.size() && !slots.empty(); ++rank) {
      const uint64_t pair = key(merges[rank].left, merges[rank].right, layout.id_bits);
      size_t slot = kLine * line_of(pair, lines);
      while (slots[slot] != kEmpty && slots[slot] >> code_bits != pair) ++slot;
      slots[slot] = pair << code_bits | codes[rank];
      if (slot + 1 == slots.size()) slots.clear();
    }
  }
  std::vector<uint32_t> merged;
  for (const Merge& merge : merges) {
    if (layout.has_merged) merged.push_back(merge.merged);
  }
  image.add<uint64_t>(Section::merge_slots, slots);
  image.add<uint32_t>(Section::merged, merged);
  image.add<uint32_t>(Section::merge_layout, std::vector<uint32_t>{layout.id_bits, layout.tie_bits});
  return codes;
}

MergeTable::MergeTable(const CompiledImage& image, uint32_t id_count)
    : slots_(image.array<uint64_t>(Section::merge_slots)), merged_(image.array<uint32_t>(Section::merged)), id_count_(id_count) {
  const std::span<const uint32_t> layout = image.array<uint32_t>(Section::merge_layout);
  const bool is_known = layout.size() == 2 && layout[0] >= kMinIdBits && layout[0] <= kMaxIdBits && layout[1] <= 16;
  if (!is_known || id_count > 1u << layout[0]) throw DamagedImage("merges are coded in an unknown way");
  if (slots_.size() <= kTailLines * kLine || slots_.size() % kLine != 0 || slots_.back() != kEmpty) {
    throw DamagedImage("the index of merges has a wrong size");
  }
  copy_ = huge_array<uint64_t>(slots_.size());
  std::copy(slots_.begin(), slots_.end(), copy_.get());
  slots_ = {copy_.get(), slots_.size()};
  id_bits_ = layout[0];
  tie_bits_ = layout[1];
  code_bits_ = 64 - 2 * id_bits_;
  code_mask_ = static_cast<uint32_t>((uint64_t{1} << code_bits_) - 1);
  lines_ = slots_.size() / kLine - kTailLines;
  uint32_t greatest = 0;
  for (const uint64_t entry : slots_) greatest = std::max(greatest, entry == kEmpty ? 0 : static_cast<uint32_t>(entry) & code_mask_);
  const bool has_merges = slots_.size() != static_cast<size_t>(std::count(slots_.begin(), slots_.end(), kEmpty));
  if (has_merges && !is_code(greatest)) throw DamagedImage("the index of merges leads outside");
  if (!merged_.empty() && *std::max_element(merged_.begin(), merged_.end()) >= id_count)
    throw DamagedImage("a merge makes an id without token");
}

}  // namespace ayar::text
