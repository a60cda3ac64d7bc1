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

// What is multiplied where T is stored: bf16 itself, two depth steps at once, where there is a dot instruction; else fp32.
#if defined(AYAR_DOT_BF16)
template <class T>
using Multiplied = T;
#else
template <class T>
using Multiplied = float;
#endif
template <class E>
constexpr int64_t kDepthOfStep = __is_same(E, float) ? 1 : 2;

AYAR_INLINE Lanes load_step(const float* p) {
  return load_lanes(p);
}
AYAR_INLINE Lanes broadcast_step(const float* p) {
  return broadcast(*p);
}

// tile[r][p] += Σ over k of rows[r][k] · panel p[k][·]. depth: a multiple of kDepthOfStep.
template <class E, int ROWS, int PANELS>
AYAR_INLINE void accumulate(const E* const* rows, const E* panels, int64_t panel_stride, int64_t depth, Tile<ROWS, PANELS>& tile) {
  for (int64_t k = 0; k < depth; k += kDepthOfStep<E>) {
    decltype(load_step(panels)) b[PANELS];
    unroll<PANELS>([&](auto p) __attribute__((always_inline)) { b[p] = load_step(panels + p * panel_stride + k * kPanelCols); });
    unroll<ROWS>([&](auto r) __attribute__((always_inline)) {
      const auto a = broadcast_step(rows[r] + k);
      unroll<PANELS>([&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = multiply_add(a, b[p], tile.sums[r][p]); });
    });
  }
}

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
