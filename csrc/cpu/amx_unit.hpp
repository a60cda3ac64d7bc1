// The processor's matrix tiles: eight of 16 rows × 64 bytes, configured while an AmxUnit lives.
//
// The process must have been allowed to use them (isa_supported asks). In assembly, since compilers' intrinsics want literal numbers.
#pragma once

#include "cpu/lanes.hpp"

#if defined(__AMX_BF16__) && defined(__AMX_INT8__)
#define AYAR_TILES 1  // bf16 and int8 codes are multiplied on tiles

namespace ayar::cpu::AYAR_ISA {
namespace {

class AmxUnit {
 public:
  AmxUnit() {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  ~AmxUnit() { asm volatile("tilerelease"); }  // tiles in use make every switch of threads dearer
  AmxUnit(const AmxUnit&) = delete;
  AmxUnit& operator=(const AmxUnit&) = delete;

  template <int TILE>
  AYAR_INLINE void clear() {
    asm volatile("tilezero %%tmm%c0" : : "i"(TILE));
  }
  // Rows of 64 bytes that lie `stride` bytes apart.
  template <int TILE>
  AYAR_INLINE void load(const void* rows, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(rows), "r"(stride), "i"(TILE) : "memory");
  }
  template <int TILE>
  AYAR_INLINE void store(void* rows, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(rows), "r"(stride), "i"(TILE) : "memory");
  }
  template <int SUMS, int LEFT, int RIGHT>
  AYAR_INLINE void multiply_bf16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(SUMS), "i"(LEFT), "i"(RIGHT));
  }
  // Signed bytes on the left, unsigned on the right.
  template <int SUMS, int LEFT, int RIGHT>
  AYAR_INLINE void multiply_bytes() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(SUMS), "i"(LEFT), "i"(RIGHT));
  }
};

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
#endif
