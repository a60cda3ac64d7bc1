// The soft cap of attention scores (Gemma 2):  softcap · tanh(s / softcap).
#pragma once

#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {

// tanh(x) = m / (m + 2), m = e^2x − 1.  With 2x = n ln 2 + r:  m = 2ⁿ (e^r − 1) + (2ⁿ − 1), which cancels nowhere: 3 ulp.
AYAR_INLINE Floats tanh(Floats x) {
  Floats twice = x + x;
  twice = twice < -20.0F ? broadcast(-20.0F) : twice;  // tanh is ±1 beyond; a NaN stays a NaN
  twice = twice > 20.0F ? broadcast(20.0F) : twice;
  const Floats shifted = twice * kLog2E + kRound;
  const Floats n = shifted - kRound;
  const Floats r = (twice - n * 0x1.63p-1F) - n * -0x1.bd0106p-13F;  // ln 2 in two parts
  Floats q = r * (1.0F / 5040) + 1.0F / 720;
  q = q * r + 1.0F / 120;
  q = q * r + 1.0F / 24;
  q = q * r + 1.0F / 6;
  q = q * r + 0.5F;
  const Floats power = (Floats)(((Words)shifted - 0x4B400000U + 127) << 23);
  const Floats m = power * (q * (r * r) + r) + (power - 1.0F);
  return m / (m + 2.0F);
}

}  // namespace ayar::cpu::AYAR_ISA
