#include "text/minhash/candidates.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/thread_pool.hpp"

namespace ayar {
namespace {

constexpr int kAllPairs = 32;
constexpr double kMissed = 1.0 / 5000;
constexpr int kMostBandRows = 8;
constexpr int kDigitBits = 11;

struct Keyed {
  uint32_t key;
  uint32_t row;
};

// Least significant digit first: stable, so rows of one key stay in order.
void radix_sort(std::vector<Keyed>& entries, std::vector<Keyed>& other) {
  other.resize(entries.size());
  for (int shift = 0; shift < 32; shift += kDigitBits) {
    std::array<size_t, 1 << kDigitBits> begin{};
    const auto digit = [shift](const Keyed& entry) { return entry.key >> shift & ((1u << kDigitBits) - 1); };
    for (const Keyed& entry : entries) ++begin[digit(entry)];
    size_t sum = 0;
    for (size_t& place : begin) {
      const size_t count = place;
      place = sum;
      sum += count;
    }
    for (const Keyed& entry : entries) other[begin[digit(entry)]++] = entry;
    entries.swap(other);
  }
}

void pair_up(const Keyed* bucket, size_t size, std::vector<RowPair>& pairs) {
  for (size_t later = 1; later < size; ++later) {
    if (size <= kAllPairs) {
      for (size_t earlier = 0; earlier < later; ++earlier) pairs.emplace_back(bucket[later].row, bucket[earlier].row);
    } else {
      pairs.emplace_back(bucket[later].row, bucket[0].row);
      if (later > 1) pairs.emplace_back(bucket[later].row, bucket[later - 1].row);
    }
  }
}

std::vector<RowPair> pairs_of_band(const uint32_t* keys, int64_t rows) {
  std::vector<Keyed> entries(static_cast<size_t>(rows)), other;
  for (int64_t row = 0; row < rows; ++row) entries[static_cast<size_t>(row)] = {keys[row], static_cast<uint32_t>(row)};
  radix_sort(entries, other);
  std::vector<RowPair> pairs;
  for (size_t begin = 0, end; begin < entries.size(); begin = end) {
    for (end = begin + 1; end < entries.size() && entries[end].key == entries[begin].key;) ++end;
    if (end - begin > 1) pair_up(entries.data() + begin, end - begin, pairs);
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

}  // namespace

int band_rows_for(double threshold, int permutations) {
  int rows = 1;
  while (rows < kMostBandRows && rows < permutations && std::pow(1 - std::pow(threshold, rows + 1), permutations / (rows + 1)) < kMissed)
    ++rows;
  return rows;
}

std::vector<RowPair> find_candidates(const std::vector<uint32_t>& keys, int bands, int64_t rows) {
  std::vector<RowPair> all, merged;
  const int at_once = thread_count();  // so that repetitions from many bands are never all in memory
  for (int first = 0; first < bands; first += at_once) {
    const int count = std::min(at_once, bands - first);
    std::vector<std::vector<RowPair>> found(static_cast<size_t>(count));
    parallel_tasks(count,
                   [&](int64_t band, int) { found[static_cast<size_t>(band)] = pairs_of_band(keys.data() + (first + band) * rows, rows); });
    for (const std::vector<RowPair>& pairs : found) {
      merged.clear();
      std::set_union(all.begin(), all.end(), pairs.begin(), pairs.end(), std::back_inserter(merged));
      all.swap(merged);
    }
  }
  return all;
}

}  // namespace ayar
