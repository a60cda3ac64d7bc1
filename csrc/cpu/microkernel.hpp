// The innermost loop of every GEMM: a tile of ROWS × PANELS·16 sums kept in registers while the depth runs by.
#pragma once

#include <utility>

#include "cpu/lanes.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

// Calls body(0), body(1), ... with each index known at compile time, so that an array of sums becomes registers.
template <int COUNT, class Body>
AYAR_INLINE void unroll(const Body& body) {
  [&]<int... INDEX>(std::integer_sequence<int, INDEX...>)
      __attribute__((always_inline)) { (body(std::integral_constant<int, INDEX>{}), ...); }(std::make_integer_sequence<int, COUNT>{});
}

template <int ROWS, int PANELS>
struct Tile {
  Lanes sums[ROWS][PANELS];
};

template <int ROWS, int PANELS>
AYAR_INLINE void clear(Tile<ROWS, PANELS>& tile) {
  unroll<ROWS>([&](auto r) __attribute__((always_inline)) {
    unroll<PANELS>([&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = zero_lanes(); });
  });
}

// tile[r][p] += sum over k of rows[r][k] · panel p[k][·], for depth steps.
template <int ROWS, int PANELS>
AYAR_INLINE void accumulate(const float* const* rows, const float* panels, int64_t panel_stride, int64_t depth, Tile<ROWS, PANELS>& tile) {
  for (int64_t k = 0; k < depth; ++k) {
    Lanes b[PANELS];
    unroll<PANELS>([&](auto p) __attribute__((always_inline)) { b[p] = load_lanes(panels + p * panel_stride + k * kPanelCols); });
    unroll<ROWS>([&](auto r) __attribute__((always_inline)) {
      const Lanes a = broadcast(rows[r][k]);
      unroll<PANELS>([&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = multiply_add(a, b[p], tile.sums[r][p]); });
    });
  }
}

#if defined(AYAR_DOT_BF16)
// The same two steps at a time; depth is even.
template <int ROWS, int PANELS>
AYAR_INLINE void accumulate(const bfloat16* const* rows, const bfloat16* panels, int64_t panel_stride, int64_t depth,
                            Tile<ROWS, PANELS>& tile) {
  for (int64_t k = 0; k < depth; k += 2) {
    Pairs b[PANELS];
    unroll<PANELS>([&](auto p) __attribute__((always_inline)) { b[p] = load_pairs(panels + p * panel_stride + k * kPanelCols); });
    unroll<ROWS>([&](auto r) __attribute__((always_inline)) {
      const Pairs a = broadcast_pair(rows[r] + k);
      unroll<PANELS>([&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = dot(a, b[p], tile.sums[r][p]); });
    });
  }
}
#endif

// Writes the first `cols` of 16 lanes.
template <class T>
AYAR_INLINE void store_some(T* p, int64_t cols, const Lanes& lanes) {
  if (cols >= kPanelCols) {
    store_lanes(p, lanes);
  } else {
    T whole[kPanelCols];
    store_lanes(whole, lanes);
    for (int64_t c = 0; c < cols; ++c) p[c] = whole[c];
  }
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
