// Four vectors of four floats: what every processor has, in the compiler's own vector type. No fused multiply-add is assumed.
#pragma once

#include "core/view.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int kTilePanels = 1;
template <int PANELS>
constexpr int kTileRows = 2;
constexpr int kOuterRows = 2, kOuterPanels = 1;

using Quad = float __attribute__((vector_size(16)));
struct Lanes {
  Quad quad[4];
};

AYAR_INLINE Lanes broadcast(float x) {
  const Quad quad{x, x, x, x};
  return {{quad, quad, quad, quad}};
}
AYAR_INLINE Lanes zero_lanes() {
  return broadcast(0.0f);
}
AYAR_INLINE Lanes load_lanes(const float* p) {
  Lanes x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
AYAR_INLINE Lanes load_lanes(const bfloat16* p) {
  uint32_t bits[16];
  for (int i = 0; i < 16; ++i) bits[i] = static_cast<uint32_t>(p[i].bits) << 16;
  Lanes x;
  __builtin_memcpy(&x, bits, sizeof x);
  return x;
}
AYAR_INLINE Lanes add(const Lanes& a, const Lanes& b) {
  return {{a.quad[0] + b.quad[0], a.quad[1] + b.quad[1], a.quad[2] + b.quad[2], a.quad[3] + b.quad[3]}};
}
AYAR_INLINE Lanes multiply_add(const Lanes& a, const Lanes& b, const Lanes& sum) {
  return {{sum.quad[0] + a.quad[0] * b.quad[0], sum.quad[1] + a.quad[1] * b.quad[1], sum.quad[2] + a.quad[2] * b.quad[2],
           sum.quad[3] + a.quad[3] * b.quad[3]}};
}
AYAR_INLINE void store_lanes(float* p, const Lanes& x) {
  __builtin_memcpy(p, &x, sizeof x);
}
AYAR_INLINE void store_lanes(bfloat16* p, const Lanes& x) {
  for (int i = 0; i < 16; ++i) store(p + i, x.quad[i / 4][i % 4]);
}
// The even and the odd steps of 16 pairs of bf16, each as 16 fp32.
AYAR_INLINE void load_pairs(const bfloat16* p, Lanes& even, Lanes& odd) {
  uint32_t pairs[16];
  __builtin_memcpy(pairs, p, sizeof pairs);
  uint32_t bits[2][16];
  for (int i = 0; i < 16; ++i) bits[0][i] = pairs[i] << 16;
  for (int i = 0; i < 16; ++i) bits[1][i] = pairs[i] & 0xFFFF0000;
  __builtin_memcpy(&even, bits[0], sizeof even);
  __builtin_memcpy(&odd, bits[1], sizeof odd);
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
