// MinHash (Broder 1997): signature[k] is the least value of the k-th hash function over a text's shingles, so two texts agree in a place
// with a chance equal to the Jaccard similarity of their sets. The top seven bits of a shingle's value in place k are a permutation of
// its own of the numbers 0 to 127, (c·k + d) mod 128, the rest is multiplicative hashing: each shingle is small in some places
// and large in others, and so the estimate varies less than that of independent functions (Ertl 2017 has the idea: SuperMinHash).
#pragma once

#include <cstdint>
#include <vector>

#include "text/minhash/shingles.hpp"
#include "text/text_batch.hpp"

namespace ayar {

constexpr int kMostPermutations = 128;

class Permutations {
 public:
  // count: a multiple of 16, at most kMostPermutations. The same seed gives the same functions everywhere.
  Permutations(int count, uint64_t seed);

  int count() const { return static_cast<int>(multipliers_.size()); }

  // signature: [count]. hashes: not empty. The same on every instruction set.
  void least(const std::vector<uint64_t>& hashes, uint32_t* signature) const;

 private:
  std::vector<uint32_t> multipliers_;
  std::vector<uint32_t> offsets_;
  uint64_t strata_multiplier_;
};

// signatures: [rows, permutations.count()].
void minhash_signatures(const TextBatch& texts, ShingleKind kind, const Permutations& permutations, uint32_t* signatures);

}  // namespace ayar
