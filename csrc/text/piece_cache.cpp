#include "text/piece_cache.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace ayar::text {

std::span<const PieceSlot> checked_seeds(const CompiledImage& image, uint32_t id_count) {
  const std::span<const PieceSlot> seeds = image.array<PieceSlot>(Section::seed_slots);
  if ((!seeds.empty() && seeds.size() < 4) || (seeds.size() & (seeds.size() - 1)) != 0) throw DamagedImage("the seeds have a wrong size");
  for (const PieceSlot& slot : seeds) {
    if (slot.high == 0) continue;
    const uint32_t count = slot.ids[0] >> 28;
    bool is_wrong = count == 0 || count > kShortIds;
    for (uint32_t i = 0; i < kShortIds; ++i) is_wrong |= i < count && (i == 0 ? slot.ids[0] & 0x0FFFFFFF : slot.ids[i]) >= id_count;
    if (is_wrong) throw DamagedImage("a seed has an id without token");
  }
  return seeds;
}

bool place_piece(PieceSlot* slots, size_t size, const PieceSlot& piece, uint64_t hash) {
  for (PieceSlot* pair : {slots + PieceBucket::first(hash, size), slots + PieceBucket::second(hash, size)}) {
    for (PieceSlot* slot : {pair, pair + 1}) {
      if (slot->high != 0 && !holds(*slot, {piece.low, piece.high})) continue;
      *slot = piece;
      return true;
    }
  }
  return false;
}

PieceSlots::PieceSlots(size_t size) : size_(size) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const size_t bytes = size * sizeof(PieceSlot);
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  slots_ = static_cast<PieceSlot*>(::operator new(bytes, std::align_val_t{alignment}));
  if (alignment == kHugePage) madvise(slots_, bytes, MADV_HUGEPAGE);  // before the first touch, or it does nothing
  std::fill_n(slots_, size, PieceSlot{});
}

PieceSlots::~PieceSlots() {
  const size_t bytes = size_ * sizeof(PieceSlot);
  if (slots_ != nullptr) ::operator delete(slots_, std::align_val_t{bytes >= size_t{2} << 20 ? size_t{2} << 20 : 64});
}

void PieceCache::expect(size_t text_bytes) {
  const bool moves_in = text_bytes >= kLongText && !seeds_.empty();
  const auto is_filled = [](const PieceSlot& slot) { return slot.high != 0; };
  const size_t seeds = moves_in ? static_cast<size_t>(std::count_if(seeds_.begin(), seeds_.end(), is_filled)) : 0;
  const size_t new_pieces = std::min(text_bytes / 64, kMaxSlots / 4);
  const size_t wanted = std::min(std::bit_ceil(seeds * 4 / 3 + new_pieces), kMaxSlots);
  if (wanted > slots_.size()) grow(wanted);
  if (!moves_in) return;
  for (const PieceSlot& seed : seeds_) {
    if (is_filled(seed)) place(seed, PieceKey{seed.low, seed.high}.hash());
  }
  filled_ += seeds;
  seeds_ = {};
}

size_t PieceCache::find_seed(PieceKey key, uint64_t hash, uint32_t* ids) {
  ++seed_lookups_;
  if (seeds_.empty()) return 0;
  const PieceSlot* const slot = find_slot(seeds_.data(), seeds_.size(), key, hash);
  if (slot == nullptr) return 0;
  const size_t count = copy_ids(*slot, ids);
  insert(key, hash, ids, count);
  return count;
}

void PieceCache::insert(PieceKey key, uint64_t hash, const uint32_t* ids, size_t count) {
  if (count > kShortIds && long_.size() > kMaxLongWords) grow_long();
  if (4 * ++filled_ > 3 * slots_.size() && slots_.size() < kMaxSlots) grow(2 * slots_.size());
  if (count <= kShortIds) return place(PieceSlot::of(key, ids, count), hash);
  place({key.low, key.high, {kMany << 28, static_cast<uint32_t>(long_.size()), static_cast<uint32_t>(count), generation_}}, hash);
  long_.insert(long_.end(), ids, ids + count);
}

// `ids`: the slot's own, which say where the piece's lie.
size_t PieceCache::find_many(uint32_t* ids) const {
  if (ids[3] != generation_) return 0;
  const size_t count = ids[2];
  std::memcpy(ids, long_.data() + ids[1], count * sizeof *ids);
  return count;
}

// An early piece is a frequent one and stays; in a full bucket the latest takes the second place.
void PieceCache::place(const PieceSlot& slot, uint64_t hash) {
  if (!place_piece(slots_.data(), slots_.size(), slot, hash)) slots_.data()[PieceBucket::first(hash, slots_.size()) + 1] = slot;
}

void PieceCache::grow(size_t size) {
  PieceSlots old(size);
  std::swap(old, slots_);
  for (const PieceSlot& slot : std::span(old.data(), old.size())) {
    if (slot.high != 0) place(slot, PieceKey{slot.low, slot.high}.hash());
  }
}

const uint32_t* PieceCache::find_long(std::string_view piece, uint64_t hash, size_t& count) const {
  if (piece.size() > kMaxLongPiece || long_slots_.empty()) return nullptr;
  for (size_t at = hash & (long_slots_.size() - 1); long_slots_[at].bytes != 0; at = (at + 1) & (long_slots_.size() - 1)) {
    const LongSlot& slot = long_slots_[at];
    if (slot.tag != hash >> 32 || slot.bytes != piece.size()) continue;
    const uint32_t* const ids = long_.data() + slot.begin;
    if (std::memcmp(ids + slot.count, piece.data(), piece.size()) != 0) continue;
    count = slot.count;
    return ids;
  }
  return nullptr;
}

void PieceCache::insert_long(std::string_view piece, const uint32_t* ids, size_t count) {
  if (piece.size() > kMaxLongPiece) return;
  if (2 * (long_filled_ + 1) > long_slots_.size() || long_.size() > kMaxLongWords) grow_long();
  const uint64_t hash = hash_bytes(piece.data(), piece.size());
  size_t at = hash & (long_slots_.size() - 1);
  while (long_slots_[at].bytes != 0) at = (at + 1) & (long_slots_.size() - 1);
  const size_t begin = long_.size();
  long_slots_[at] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(begin), static_cast<uint16_t>(count),
                     static_cast<uint16_t>(piece.size()), static_cast<uint32_t>(hash)};
  ++long_filled_;
  long_.insert(long_.end(), ids, ids + count);
  long_.resize(long_.size() + (piece.size() + 3) / 4);
  std::memcpy(long_.data() + begin + count, piece.data(), piece.size());
}

// To twice the size; a full one begins again, so that memory is bounded.
void PieceCache::grow_long() {
  if (long_slots_.size() == kMaxLongSlots || long_.size() > kMaxLongWords) {
    long_slots_.assign(kMaxLongSlots, {});
    long_filled_ = 0;
    long_.clear();
    ++generation_;
    return;
  }
  std::vector<LongSlot> old(std::max(2 * long_slots_.size(), kMinLongSlots));
  old.swap(long_slots_);
  for (const LongSlot& slot : old) {
    if (slot.bytes == 0) continue;
    size_t at = slot.low & (long_slots_.size() - 1);
    while (long_slots_[at].bytes != 0) at = (at + 1) & (long_slots_.size() - 1);
    long_slots_[at] = slot;
  }
}

}  // namespace ayar::text
