// Rows that say nearly the same: MinHash finds candidates, the true Jaccard similarity of their shingles decides.
#pragma once

#include <cstdint>
#include <vector>

#include "text/minhash/shingles.hpp"
#include "text/text_batch.hpp"

namespace ayar {

// |a ∩ b| / |a ∪ b| of the sets of shingles of two texts. Keeps its table from pair to pair; one object a thread.
class JaccardMeter {
 public:
  explicit JaccardMeter(ShingleKind kind) : shingler_(kind) {}
  double similarity(std::string_view a, std::string_view b);

 private:
  struct Slot {
    uint64_t hash;
    uint32_t stamp;
  };
  // The slot of a hash: one with its stamp in [oldest, ∞), or the one to fill.
  Slot& slot(uint64_t hash, uint32_t oldest);

  Shingler shingler_;
  std::vector<Slot> slots_;
  uint32_t stamp_ = 0;
};

// For each row an earlier row of at least the threshold's similarity which is itself kept, or −1. Rows are taken in order and each is
// compared with kept ones, so similarity is never handed on along a chain of rows. Memory: 128 to 256 bytes a row, and the candidates.
std::vector<int64_t> find_near_duplicates(const TextBatch& texts, ShingleKind kind, double threshold, int permutations, uint64_t seed);

}  // namespace ayar
