#include "text/minhash/signatures.hpp"

#include <algorithm>

#include "core/cpu_features.hpp"
#include "core/macros.hpp"
#include "text/minhash/mixing.hpp"

namespace ayar {
namespace {

constexpr int64_t kPieceBytes = 1 << 16;
constexpr int kStrataBits = 7;
constexpr int kAtOnce = 4;      // shingles for each load and store of the minima
constexpr size_t kBlock = 512;  // shingles whose hashes stay in the first cache while all permutations read them

struct Functions {
  const uint32_t* multipliers;
  const uint32_t* offsets;
  int count;
};

// A shingle: 32 bits of its hash, and its permutation of the 128 strata in the top seven bits of step and start.
struct Mixed {
  uint32_t hash, step, start;
};

using Least = void (*)(const Mixed* shingles, size_t count, Functions functions, uint32_t* least);

AYAR_INLINE uint32_t value(Mixed shingle, uint32_t place, uint32_t multiplier, uint32_t offset) {
  return (shingle.step * place + shingle.start) | (shingle.hash * multiplier + offset) >> kStrataBits;
}

// count: a multiple of kAtOnce.
AYAR_INLINE void take_least(const Mixed* shingles, size_t count, Functions functions, uint32_t* __restrict least) {
  for (size_t i = 0; i < count; i += kAtOnce) {
    const Mixed a = shingles[i], b = shingles[i + 1], c = shingles[i + 2], d = shingles[i + 3];
    for (int k = 0; k < functions.count; ++k) {
      const uint32_t place = static_cast<uint32_t>(k), multiplier = functions.multipliers[k], offset = functions.offsets[k];
      const uint32_t ab = std::min(value(a, place, multiplier, offset), value(b, place, multiplier, offset));
      const uint32_t cd = std::min(value(c, place, multiplier, offset), value(d, place, multiplier, offset));
      least[k] = std::min(least[k], std::min(ab, cd));
    }
  }
}

void least_portable(const Mixed* shingles, size_t count, Functions functions, uint32_t* least) {
  take_least(shingles, count, functions, least);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void least_avx2(const Mixed* shingles, size_t count, Functions functions, uint32_t* least) {
  take_least(shingles, count, functions, least);
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))) void least_avx512(const Mixed* shingles, size_t count,
                                                                                                        Functions functions,
                                                                                                        uint32_t* least) {
  take_least(shingles, count, functions, least);
}
#endif

Least chosen_least() {
#if defined(__x86_64__)
  if (isa_supported(Isa::avx512)) return least_avx512;
  if (isa_supported(Isa::avx2)) return least_avx2;
#endif
  return least_portable;
}

}  // namespace

Permutations::Permutations(int count, uint64_t seed) {
  AYAR_REQUIRE(count > 0 && count % 16 == 0 && count <= kMostPermutations);
  strata_multiplier_ = mix64(~seed) | 1;
  for (int k = 0; k < count; ++k) {
    const uint64_t random = mix64(mix64(seed) + static_cast<uint64_t>(k));
    multipliers_.push_back(static_cast<uint32_t>(random) | 1);
    offsets_.push_back(static_cast<uint32_t>(random >> 32));
  }
}

void Permutations::least(const std::vector<uint64_t>& hashes, uint32_t* signature) const {
  static const Least chosen = chosen_least();
  std::fill(signature, signature + count(), UINT32_MAX);
  Mixed block[kBlock];
  for (size_t begin = 0; begin < hashes.size(); begin += kBlock) {
    const size_t size = std::min(kBlock, hashes.size() - begin);
    for (size_t i = 0; i < size; ++i) {
      const uint64_t hash = hashes[begin + i];
      const uint32_t strata = static_cast<uint32_t>(hash * strata_multiplier_ >> 32);
      block[i] = {static_cast<uint32_t>(hash >> 32), (strata | 1) << (32 - kStrataBits),
                  strata >> (32 - kStrataBits) << (32 - kStrataBits)};
    }
    const size_t padded = (size + kAtOnce - 1) / kAtOnce * kAtOnce;
    std::fill(block + size, block + padded, block[0]);  // a repetition changes no minimum
    chosen(block, padded, {multipliers_.data(), offsets_.data(), count()}, signature);
  }
}

void minhash_signatures(const TextBatch& texts, ShingleKind kind, const Permutations& permutations, uint32_t* signatures) {
  const Shingler checked(kind);
  for_each_piece(texts.pieces(kPieceBytes), [&](int64_t, int64_t first, int64_t last) {
    Shingler shingler(kind);
    for (int64_t row = first; row < last; ++row) {
      permutations.least(shingler.shingles(texts[row]), signatures + row * permutations.count());
    }
  });
}

}  // namespace ayar
