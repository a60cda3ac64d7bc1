// The arithmetic of the bf16 dot instructions, bit for bit: numbers below the normal range count as zero, as operands and as results;
// fused multiply-add, rounded to nearest, ties to even, whatever the processor's own settings are.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace emulated {

constexpr float kLeastNormal = 0x1p-126F, kLift = 0x1p64F;

inline float flushed(float x) {
  return std::fabs(x) < kLeastNormal ? std::copysign(0.0F, x) : x;
}

inline float widened(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

// a · b + c. Whether a result is below the normal range is judged after rounding to 24 bits, so near it the sum is made 2⁶⁴ times larger.
inline float multiply_add(uint16_t a, uint16_t b, float c) {
  const float left = flushed(widened(a)), right = flushed(widened(b)), sum = flushed(c);
  const float result = std::fma(left, right, sum);
  if (std::fabs(result) > kLeastNormal || !std::isfinite(result)) return result;
  const float lifted = std::fabs(left) > 1 ? std::fma(left, right * kLift, sum * kLift) : std::fma(left * kLift, right, sum * kLift);
  return std::fabs(lifted) < kLeastNormal * kLift ? std::copysign(0.0F, lifted) : result;
}

inline float add(float a, float b) {
  return flushed(flushed(a) + flushed(b));  // a sum of two fp32 is never rounded where it is below the normal range
}

}  // namespace emulated
