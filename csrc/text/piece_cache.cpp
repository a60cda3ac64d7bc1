#include "text/piece_cache.hpp"

#include "text/string_index.hpp"

namespace ayar::text {

void PieceCache::insert(PieceKey key, uint64_t hash, const uint32_t* ids, size_t count) {
  if (2 * ++filled_ > slots_.size() && slots_.size() < kMaxSlots) grow();
  Slot slot{key.low, key.high, {}};
  std::memcpy(slot.ids, ids, count * sizeof *ids);
  slot.ids[0] |= static_cast<uint32_t>(count) << 28;
  place(slot, hash);
}

// An early piece is a frequent one: it keeps the first place of its bucket, the second goes to the latest.
void PieceCache::place(const Slot& slot, uint64_t hash) {
  Slot* const pair = &slots_[hash & (slots_.size() - 2)];
  pair[pair[0].high != 0] = slot;
}

void PieceCache::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.high != 0) place(slot, PieceKey{slot.low, slot.high}.hash());
  }
}

const uint32_t* PieceCache::find_long(std::string_view piece, size_t& count) const {
  if (piece.size() > kMaxLongPiece || long_slots_.empty()) return nullptr;
  const uint64_t hash = hash_bytes(piece.data(), piece.size());
  for (size_t at = hash & (kLongSlots - 1); long_slots_[at].bytes != 0; at = (at + 1) & (kLongSlots - 1)) {
    const LongSlot& slot = long_slots_[at];
    if (slot.hash == hash && piece == std::string_view(long_bytes_.data() + slot.bytes_begin, slot.bytes)) {
      count = slot.count;
      return long_ids_.data() + slot.begin;
    }
  }
  return nullptr;
}

void PieceCache::insert_long(std::string_view piece, const uint32_t* ids, size_t count) {
  if (piece.size() > kMaxLongPiece) return;
  if (long_slots_.empty() || 2 * (long_filled_ + 1) > kLongSlots) {  // full: begin again, so that memory is bounded
    long_slots_.assign(kLongSlots, {});
    long_filled_ = 0;
    long_ids_.clear();
    long_bytes_.clear();
  }
  const uint64_t hash = hash_bytes(piece.data(), piece.size());
  size_t at = hash & (kLongSlots - 1);
  while (long_slots_[at].bytes != 0) at = (at + 1) & (kLongSlots - 1);
  long_slots_[at] = {hash, static_cast<uint32_t>(long_ids_.size()), static_cast<uint32_t>(long_bytes_.size()), static_cast<uint16_t>(count),
                     static_cast<uint16_t>(piece.size())};
  ++long_filled_;
  long_ids_.insert(long_ids_.end(), ids, ids + count);
  long_bytes_.insert(long_bytes_.end(), piece.begin(), piece.end());
}

}  // namespace ayar::text
