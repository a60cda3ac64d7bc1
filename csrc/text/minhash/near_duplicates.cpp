#include "text/minhash/near_duplicates.hpp"

#include <algorithm>
#include <bit>

#include "core/macros.hpp"
#include "text/minhash/candidates.hpp"
#include "text/minhash/mixing.hpp"
#include "text/minhash/signatures.hpp"

namespace ayar {
namespace {

constexpr int64_t kPieceBytes = 1 << 16;
constexpr int64_t kPairsAtOnce = 256;

std::vector<uint32_t> band_keys(const TextBatch& texts, ShingleKind kind, const Permutations& permutations, int band_rows) {
  const int bands = permutations.count() / band_rows;
  std::vector<uint32_t> keys(static_cast<size_t>(bands * texts.rows()));
  for_each_piece(texts.pieces(kPieceBytes), [&](int64_t, int64_t first, int64_t last) {
    Shingler shingler(kind);
    std::vector<uint32_t> signature(static_cast<size_t>(permutations.count()));
    for (int64_t row = first; row < last; ++row) {
      permutations.least(shingler.shingles(texts[row]), signature.data());
      for (int band = 0; band < bands; ++band) {
        uint64_t key = 0;
        for (int i = 0; i < band_rows; ++i) key = mix64(key ^ signature[static_cast<size_t>(band * band_rows + i)]);
        keys[static_cast<size_t>(band * texts.rows() + row)] = static_cast<uint32_t>(key);
      }
    }
  });
  return keys;
}

}  // namespace

JaccardMeter::Slot& JaccardMeter::slot(uint64_t hash, uint32_t oldest) {
  const size_t mask = slots_.size() - 1;
  size_t place = hash & mask;
  while (slots_[place].stamp >= oldest && slots_[place].hash != hash) place = (place + 1) & mask;
  return slots_[place];
}

double JaccardMeter::similarity(std::string_view a, std::string_view b) {
  const size_t wanted = std::bit_ceil(2 * (a.size() + b.size()) + 16);
  if (slots_.size() < wanted || stamp_ > UINT32_MAX - 4) {
    slots_.assign(std::max(wanted, slots_.size()), Slot{0, 0});
    stamp_ = 0;
  }
  const uint32_t in_a = ++stamp_, in_b = ++stamp_, in_both = ++stamp_;
  int64_t either = 0, both = 0;
  for (const uint64_t hash : shingler_.shingles(a)) {
    Slot& found = slot(hash, in_a);
    either += found.stamp < in_a;
    found = {hash, in_a};
  }
  for (const uint64_t hash : shingler_.shingles(b)) {
    Slot& found = slot(hash, in_a);
    if (found.stamp < in_a) {
      ++either;
      found = {hash, in_b};
    } else if (found.stamp == in_a) {
      ++both;
      found.stamp = in_both;
    }
  }
  return static_cast<double>(both) / static_cast<double>(either);
}

std::vector<int64_t> find_near_duplicates(const TextBatch& texts, ShingleKind kind, double threshold, int permutations, uint64_t seed) {
  AYAR_REQUIRE(threshold > 0 && threshold <= 1);
  AYAR_REQUIRE(texts.rows() < UINT32_MAX);
  const Shingler checked(kind);
  const int band_rows = band_rows_for(threshold, permutations);
  const Permutations functions(permutations, seed);
  const std::vector<RowPair> pairs =
      find_candidates(band_keys(texts, kind, functions, band_rows), functions.count() / band_rows, texts.rows());
  std::vector<uint8_t> alike(pairs.size());
  std::vector<int64_t> starts;
  for (int64_t pair = 0; pair < static_cast<int64_t>(pairs.size()); pair += kPairsAtOnce) starts.push_back(pair);
  starts.push_back(static_cast<int64_t>(pairs.size()));
  for_each_piece(starts, [&](int64_t, int64_t first, int64_t last) {
    JaccardMeter meter(kind);
    for (int64_t pair = first; pair < last; ++pair) {
      const auto [row, earlier] = pairs[static_cast<size_t>(pair)];
      alike[static_cast<size_t>(pair)] = meter.similarity(texts[row], texts[earlier]) >= threshold;
    }
  });
  std::vector<int64_t> original(static_cast<size_t>(texts.rows()), -1);
  for (size_t pair = 0; pair < pairs.size(); ++pair) {
    const auto [row, earlier] = pairs[pair];
    if (alike[pair] && original[row] < 0 && original[earlier] < 0) original[row] = earlier;
  }
  return original;
}

}  // namespace ayar
