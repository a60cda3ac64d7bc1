#include "text/minhash/signatures.hpp"

#include <algorithm>

#include "core/cpu_features.hpp"
#include "core/macros.hpp"
#include "text/minhash/mixing.hpp"

namespace ayar {
namespace {

constexpr int64_t kPieceBytes = 1 << 16;
constexpr int kAtOnce = 4;      // shingles for each load and store of the minima
constexpr size_t kBlock = 512;  // shingles whose hashes stay in the first cache while all permutations read them

using Least = void (*)(const uint32_t* hashes, size_t count, const uint32_t* multipliers, const uint32_t* offsets, int permutations,
                       uint32_t* least);

// count: a multiple of kAtOnce.
AYAR_INLINE void take_least(const uint32_t* hashes, size_t count, const uint32_t* multipliers, const uint32_t* offsets, int permutations,
                            uint32_t* __restrict least) {
  for (size_t i = 0; i < count; i += kAtOnce) {
    const uint32_t a = hashes[i], b = hashes[i + 1], c = hashes[i + 2], d = hashes[i + 3];
    for (int k = 0; k < permutations; ++k) {
      const uint32_t multiplier = multipliers[k], offset = offsets[k];
      const uint32_t ab = std::min(a * multiplier + offset, b * multiplier + offset);
      const uint32_t cd = std::min(c * multiplier + offset, d * multiplier + offset);
      least[k] = std::min(least[k], std::min(ab, cd));
    }
  }
}

void least_portable(const uint32_t* h, size_t n, const uint32_t* m, const uint32_t* o, int p, uint32_t* least) {
  take_least(h, n, m, o, p, least);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void least_avx2(const uint32_t* h, size_t n, const uint32_t* m, const uint32_t* o, int p, uint32_t* least) {
  take_least(h, n, m, o, p, least);
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))) void least_avx512(const uint32_t* h, size_t n,
                                                                                                        const uint32_t* m,
                                                                                                        const uint32_t* o, int p,
                                                                                                        uint32_t* least) {
  take_least(h, n, m, o, p, least);
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
  AYAR_REQUIRE(count > 0 && count % 16 == 0);
  for (int k = 0; k < count; ++k) {
    const uint64_t random = mix64(mix64(seed) + static_cast<uint64_t>(k));
    multipliers_.push_back(static_cast<uint32_t>(random) | 1);
    offsets_.push_back(static_cast<uint32_t>(random >> 32));
  }
}

void Permutations::least(const std::vector<uint64_t>& hashes, uint32_t* signature) const {
  static const Least chosen = chosen_least();
  std::fill(signature, signature + count(), UINT32_MAX);
  uint32_t block[kBlock];
  for (size_t begin = 0; begin < hashes.size(); begin += kBlock) {
    const size_t size = std::min(kBlock, hashes.size() - begin);
    for (size_t i = 0; i < size; ++i) block[i] = static_cast<uint32_t>(hashes[begin + i] >> 32);
    const size_t padded = (size + kAtOnce - 1) / kAtOnce * kAtOnce;
    std::fill(block + size, block + padded, block[0]);  // a repetition changes no minimum
    chosen(block, padded, multipliers_.data(), offsets_.data(), count(), signature);
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
