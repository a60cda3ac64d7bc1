#include "guarded.hpp"
//
#include "cuda/clean.cu"
#include "text/code_points.hpp"

extern "C" {
void code_point_flags(uint8_t* flags) {  // 0x110000 of them
  for (char32_t code = 0; code <= 0x10FFFF; ++code) flags[code] = ayar::code_point_byte(code);
}
int clean_measure(const uint8_t* text, const int64_t* offsets, int64_t rows, const uint8_t* flags, int64_t* new_offsets, uint8_t* needs_cpu,
                  uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::clean_measure(text, offsets, rows, flags, new_offsets, needs_cpu, nullptr); });
}
int clean_write(const uint8_t* text, const int64_t* offsets, int64_t rows, const uint8_t* flags, const int64_t* new_offsets,
                const uint8_t* needs_cpu, uint8_t* cleaned, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::clean_write(text, offsets, rows, flags, new_offsets, needs_cpu, cleaned, nullptr); });
}
}
