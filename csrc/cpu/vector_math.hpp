// One register of fp32 lanes, as wide as the instruction set has, and the functions that libm does not offer for it.
// Lives in the namespace of the instruction set and is always inlined: no symbol of it can reach another set's object.
#pragma once

#include "core/view.hpp"

namespace ayar::cpu::AYAR_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

using Floats = float __attribute__((vector_size(4 * kLanes)));
using Words = uint32_t __attribute__((vector_size(4 * kLanes)));
using Halves = uint16_t __attribute__((vector_size(2 * kLanes)));

AYAR_INLINE int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

AYAR_INLINE Floats broadcast(float value) {
  return value - Floats{};
}
AYAR_INLINE Floats load_vector(const float* p) {
  Floats value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
AYAR_INLINE Floats load_vector(const bfloat16* p) {
  Halves bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return (Floats)(__builtin_convertvector(bits, Words) << 16);
}
AYAR_INLINE void store_vector(float* p, Floats value) {
  __builtin_memcpy(p, &value, sizeof value);
}
// The rounding of the scalar store: to nearest, ties to even; a NaN stays a NaN.
AYAR_INLINE Halves to_bfloat16(Floats value) {
  const Words bits = (Words)value;
  const Words rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  return __builtin_convertvector(value == value ? rounded : (bits >> 16) | 0x40, Halves);
}
AYAR_INLINE void store_vector(bfloat16* p, Floats value) {
  const Halves bits = to_bfloat16(value);
  __builtin_memcpy(p, &bits, sizeof bits);
}

// Lanes are added, or compared, in halves: the order is that of the instruction set, the same on every call.
AYAR_INLINE float sum_lanes(Floats value) {
  float lane[kLanes];
  store_vector(lane, value);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
  }
  return lane[0];
}
AYAR_INLINE float max_lanes(Floats value) {
  float lane[kLanes];
  store_vector(lane, value);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lane[i] = lane[i] > lane[i + width] ? lane[i] : lane[i + width];
  }
  return lane[0];
}
AYAR_INLINE Floats max(Floats a, Floats b) {
  return a > b ? a : b;
}

constexpr float kLog2E = 0x1.715476p0F;
constexpr float kRound = 0x1.8p23F;  // adding it leaves the nearest integer in the low bits of the sum

// e^r for |r| ≤ ln 2 / 2, relative error 4e-9 before rounding: 1 + r + r²·q(r), q fitted to the least largest error.
AYAR_INLINE Floats exp_of_remainder(Floats r) {
  Floats q = r * 0x1.6a241ap-10F + 0x1.1239f2p-7F;
  q = q * r + 0x1.5558f2p-5F;
  q = q * r + 0x1.555492p-3F;
  q = q * r + 0x1.fffffcp-2F;
  return q * (r * r) + r + 1.0F;
}

// 2^t for t < 128; below −126 it stays at 2^−126, near enough to 0 for a softmax. NaN stays NaN.
AYAR_INLINE Floats exp2_of_softmax(Floats t) {
  t = t < -126.0F ? broadcast(-126.0F) : t;
  const Floats shifted = t + kRound;
  const Floats p = exp_of_remainder((t - (shifted - kRound)) * 0x1.62e43p-1F);
  return (Floats)((Words)p + ((Words)shifted << 23));
}

// e^x over the whole range of fp32 (0, denormals and infinity included), 2 ulp.
AYAR_INLINE Floats exp(Floats x) {
  x = x < -104.0F ? broadcast(-104.0F) : x;
  x = x > 89.0F ? broadcast(89.0F) : x;
  const Floats shifted = x * kLog2E + kRound;
  const Floats n = shifted - kRound;
  const Floats p = exp_of_remainder((x - n * 0x1.63p-1F) - n * -0x1.bd0106p-13F);  // ln 2 in two parts: n · the first is exact
  const Words whole = (Words)shifted - 0x4B400000U;  // n as an integer; half of it fits an exponent where n may not
  const Words half = (Words)((__attribute__((vector_size(4 * kLanes))) int32_t)whole >> 1);
  return p * (Floats)((half + 127) << 23) * (Floats)((whole - half + 127) << 23);
}

}  // namespace ayar::cpu::AYAR_ISA
