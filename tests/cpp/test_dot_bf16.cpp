// The emulated arithmetic against this processor's vdpbf16ps: random words, numbers around the normal range, infinities and NaN.
#include <immintrin.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "emulated_arithmetic.hpp"

namespace {

std::mt19937_64 random_bits(11);

// Half of them anywhere, NaN and infinity included; half of small exponents, so that products and sums meet the least normal number.
uint16_t random_bf16() {
  const auto bits = static_cast<uint16_t>(random_bits());
  const auto exponent = static_cast<uint16_t>(64 + random_bits() % 4 - 2);  // two of them multiply to about 2⁻¹²⁶
  return random_bits() % 2 == 0 ? bits : static_cast<uint16_t>((bits & 0x807F) | exponent << 7);
}

float random_sum() {
  auto bits = static_cast<uint32_t>(random_bits());
  if (random_bits() % 2 == 0) bits = (bits & 0x807FFFFF) | static_cast<uint32_t>(random_bits() % 4) << 23;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

__attribute__((target("avx512f,avx512bf16"))) void dot(const float* sums, const uint16_t* a, const uint16_t* b, float* result) {
  const __m512i left = _mm512_loadu_si512(a), right = _mm512_loadu_si512(b);
  _mm512_storeu_ps(result, _mm512_dpbf16_ps(_mm512_loadu_ps(sums), (__m512bh)left, (__m512bh)right));
}

bool is_same(float x, float y) {
  return std::memcmp(&x, &y, sizeof x) == 0 || (std::isnan(x) && std::isnan(y));
}

}  // namespace

int main(int count, char** arguments) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512bf16")) {
    std::puts("vdpbf16ps: not run, this processor has none");
    return 0;
  }
  const long rounds = 10 * (count > 1 ? std::atol(arguments[1]) : 30000);
  long tiny = 0, special = 0;
  for (long round = 0; round < rounds; ++round) {
    float sums[16], result[16];
    uint16_t a[32], b[32];
    for (float& sum : sums) sum = random_sum();
    for (uint16_t& x : a) x = random_bf16();
    for (uint16_t& x : b) x = random_bf16();
    dot(sums, a, b, result);
    for (int lane = 0; lane < 16; ++lane) {
      const float odd = emulated::multiply_add(a[2 * lane + 1], b[2 * lane + 1], sums[lane]);
      const float expected = emulated::multiply_add(a[2 * lane], b[2 * lane], odd);
      if (!is_same(expected, result[lane])) {
        std::fprintf(stderr, "sum %a, odd %a · %a, even %a · %a: %a, emulated %a\n", sums[lane], emulated::widened(a[2 * lane + 1]),
                     emulated::widened(b[2 * lane + 1]), emulated::widened(a[2 * lane]), emulated::widened(b[2 * lane]), result[lane],
                     expected);
        std::abort();
      }
      tiny += std::fabs(expected) <= 2 * emulated::kLeastNormal;
      special += !std::isfinite(expected);
    }
  }
  if (tiny == 0 || special == 0) std::abort();  // the corners were never met
  std::printf("vdpbf16ps: %ld sums equal, %ld of them at the end of the normal range, %ld infinite or NaN\n", 16 * rounds, tiny, special);
}
