// MinHash (Broder 1997): signature[k] = the least of (multiplier[k] · h + offset[k]) mod 2³² over a text's shingle hashes h.
// Two texts agree in a place of the signature with a chance equal to the Jaccard similarity of their sets of shingles.
#pragma once

#include <cstdint>
#include <vector>

#include "text/minhash/shingles.hpp"
#include "text/text_batch.hpp"

namespace ayar {

class Permutations {
 public:
  // count: a multiple of 16. The same seed gives the same functions everywhere.
  Permutations(int count, uint64_t seed);

  int count() const { return static_cast<int>(multipliers_.size()); }

  // signature: [count]. hashes: not empty. The same on every instruction set.
  void least(const std::vector<uint64_t>& hashes, uint32_t* signature) const;

 private:
  std::vector<uint32_t> multipliers_;
  std::vector<uint32_t> offsets_;
};

// signatures: [rows, permutations.count()].
void minhash_signatures(const TextBatch& texts, ShingleKind kind, const Permutations& permutations, uint32_t* signatures);

}  // namespace ayar
