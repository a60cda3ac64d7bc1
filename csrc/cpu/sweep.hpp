// What one sweep over the rows takes of a factor: the cut that both kinds of GEMM make, in registers (gemm.cpp) and on tiles
// (gemm_tiles.hpp).
#pragma once

#include "cpu/gemm.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

AYAR_INLINE int64_t at_most(int64_t value, int64_t limit) {
  return value < limit ? value : limit;
}
AYAR_INLINE int64_t at_least(int64_t value, int64_t limit) {
  return value > limit ? value : limit;
}

// The steps of one factor for one group of panels, as they are multiplied.
template <class E>
struct Sweep {
  const E* rows;
  int64_t row_stride;
  const E* panels;
  int64_t panel_stride, depth;
};

// The steps that some panel of the group needs.
template <int PANELS>
AYAR_INLINE DepthRange needed_range(const Factor& factor, int64_t panel) {
  if (factor.ranges == nullptr) return {0, factor.depth};
  DepthRange range = factor.ranges[panel];
  for (int64_t p = panel + 1; p < panel + PANELS; ++p) {
    range = {at_most(range.begin, factor.ranges[p].begin), at_least(range.end, factor.ranges[p].end)};
  }
  return range;
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
