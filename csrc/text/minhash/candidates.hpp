// Locality-sensitive hashing: rows whose signatures agree in a whole band are candidates for near-duplicates.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace ayar {

using RowPair = std::pair<uint32_t, uint32_t>;  // a row, an earlier row

// The most rows of the signature a band can have, so that a pair of the threshold's similarity is missed less than once in 5,000.
int band_rows_for(double threshold, int permutations);

// keys: [bands, rows]; equal keys mean equal bands (but for one chance in 2³²). Returns pairs without repetition, sorted; the same for
// any number of threads. In a band with many equal rows each meets its neighbour and the first only, so that the work stays linear.
std::vector<RowPair> find_candidates(const std::vector<uint32_t>& keys, int bands, int64_t rows);

}  // namespace ayar
