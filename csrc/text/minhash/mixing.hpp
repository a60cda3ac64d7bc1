// A bijection of 64 bits in which every bit of the input moves every bit of the output (splitmix64's finalizer, Steele et al. 2014).
#pragma once

#include <cstdint>

#include "core/macros.hpp"

namespace ayar {

AYAR_INLINE uint64_t mix64(uint64_t z) {
  z += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

}  // namespace ayar
