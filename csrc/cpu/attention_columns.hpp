// A tile of queries that meets a block of keys: keys are rows, queries are columns, so that tokens of many branches lie side by side and a
// mask by columns tells which of them see a key.
#pragma once

#include "cpu/attention_tree.hpp"
#include "cpu/tile_product.hpp"

namespace ayar::cpu::AYAR_ISA {

// The keys of a block are seen by the columns from each key's own on, and before `end`; in a window, only as long as it reaches.
struct Columns {
  int64_t own;       // column of the block's first key; below 0: all columns are later
  int64_t end;       // past the last one that may see the block; 0: none
  int64_t keys;      // rows of the block
  bool is_masked;    // some row is not seen by all columns of its registers
  int64_t farthest;  // where there is a window: the lowest position of a query that is too far from the first key
  const float* positions;

  AYAR_INLINE bool is_empty() const { return end <= 0 || own >= end; }
  // The first register with a query that sees row r, and past the last one.
  AYAR_INLINE int64_t first(int64_t r) const { return own + r > 0 ? (own + r) / kLanes : 0; }
  AYAR_INLINE int64_t last() const { return (end + kLanes - 1) / kLanes; }
  // Rows that some query of the registers before `past` sees.
  AYAR_INLINE int64_t rows_before(int64_t past) const { return past * kLanes - own < keys ? past * kLanes - own : keys; }
};

// Positions of the tokens on their paths, and as many zeros as a tile may reach beyond them.
AYAR_INLINE int64_t positions_size(int64_t tokens) {
  return round_up((tokens + kBlock) * static_cast<int64_t>(sizeof(float)), 64);
}
AYAR_INLINE void list_positions(const Tree& tree, int64_t tokens, float* positions) {
  for (int64_t s = 0; s < tree.num_segments; ++s) {
    const Segment& segment = tree.segments[s];
    for (int64_t t = segment.begin; t < segment.end; ++t) positions[t] = static_cast<float>(segment.position + t - segment.begin);
  }
  for (int64_t t = tokens; t < tokens + kBlock; ++t) positions[t] = 0;
}

// positions: of all tokens; read only where there is a window.
AYAR_INLINE Columns columns_of(int64_t token, int64_t tile_end, const KeyBlock& keys, int64_t window, const float* positions) {
  const int64_t rows = tile_end - token;
  int64_t end = keys.reach - token < rows ? keys.reach - token : rows;
  if (window == 0) return {keys.token - token, end, keys.rows, end < rows, 0, nullptr};
  const int64_t farthest = keys.position + window;
  const auto too_far = static_cast<float>(farthest + keys.rows - 1);  // from the block's last key
  while (end > 0 && positions[token + end - 1] >= too_far) --end;
  return {keys.token - token, end, keys.rows, true, farthest, positions + token};
}

AYAR_INLINE Floats lane_numbers() {
  Floats number{};
  for (int i = 0; i < kLanes; ++i) number[i] = static_cast<float>(i);
  return number;
}

// Scores of the rows from r on, in the registers from v on, become −∞ where a query does not see the key.
template <int kVectors>
AYAR_INLINE void hide_unseen(const Columns& columns, int64_t v, int64_t r, Floats (&tile)[kTileRows][kVectors]) {
  if (!columns.is_masked && columns.own + r + kTileRows <= v * kLanes + 1 && r + kTileRows <= columns.keys) return;
  const Floats hidden = broadcast(-__builtin_inff());
  const auto end = static_cast<float>(columns.end);
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    const Floats query = lane_numbers() + static_cast<float>((v + i) * kLanes);
#pragma GCC unroll 8
    for (int m = 0; m < kTileRows; ++m) {
      const auto earliest = static_cast<float>(r + m < columns.keys ? columns.own + r + m : kBlock);
      tile[m][i] = query < earliest ? hidden : tile[m][i];
      tile[m][i] = query < end ? tile[m][i] : hidden;
      if (columns.positions != nullptr) {
        const auto nearer = static_cast<float>(columns.farthest + r + m);
        tile[m][i] = load_vector(columns.positions + (v + i) * kLanes) < nearer ? tile[m][i] : hidden;
      }
    }
  }
}

// `to` [head_dim, kBlock queries] += left [head_dim, kBlock keys] · right [kBlock keys, kBlock queries], of what the columns see. A column
// that does not see the block stays what it is, even where the block holds a NaN.
template <class Product>
AYAR_INLINE void add_seen_product(const Columns& columns, const typename Product::Element* left, const typename Product::Element* right,
                                  int64_t head_dim, float* to) {
  constexpr int kDepth = Product::kDepth;
  constexpr int64_t kHalf = kBlock / kLanes / 2;  // on the diagonal the earlier columns are spared the later keys
  const int64_t begin = columns.first(0), end = columns.last();
  const int64_t width = columns.first(columns.keys - 1) > begin ? kHalf : end - begin;
  const bool has_others = columns.own > begin * kLanes || columns.end < end * kLanes;  // in the registers at the edges
  const auto own = static_cast<float>(columns.own), past_own = static_cast<float>(columns.end);
  for (int64_t begin_v = begin; begin_v < end; begin_v += width) {
    const int64_t past = begin_v + width < end ? begin_v + width : end;
    const int64_t steps = (columns.rows_before(past) + kDepth - 1) / kDepth;
    for (int64_t d = 0; d < head_dim; d += kTileRows) {
      each_column_tile(begin_v, past, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
        float* at = to + d * kBlock + v * kLanes;
        Floats sum[kTileRows][kVectors];
        load_tile(at, kBlock, sum);
        multiply_tile<Product>(left + d * kBlock, kBlock, right + v * kLanes * kDepth, kBlock, steps, sum);
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i) {
          if (!has_others) break;
          const Floats query = lane_numbers() + static_cast<float>((v + i) * kLanes);
#pragma GCC unroll 8
          for (int m = 0; m < kTileRows; ++m) {
            const Floats before = load_vector(at + m * kBlock + i * kLanes);
            sum[m][i] = query < own ? before : sum[m][i];
            sum[m][i] = query < past_own ? sum[m][i] : before;
          }
        }
        store_tile(at, kBlock, sum);
      });
    }
  }
}

}  // namespace ayar::cpu::AYAR_ISA
