// The mask of LoRA dropout, from a counter-based generator: Philox 4×32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
// 1, 2, 3"). It is a function of where an element is, so the backward pass makes it again and nothing is stored.
//
// Counter (16 g + lane, row, stream, draw) and a 64-bit key give four words; the low half h = 0 and the high half h = 1 of word w decide on
// column 128 g + 32 w + 2 lane + h: it is kept where the half is at least `threshold`.
#pragma once

#include "core/view.hpp"

namespace ayar::cpu {

struct Dropout {
  uint64_t key;
  uint32_t draw;       // which use of the mask: another one for every batch
  uint32_t stream;     // another one for every adapter
  uint32_t threshold;  // of 65,536: probability that an element is dropped; 0: no dropout

  AYAR_INLINE bool is_on() const { return threshold != 0; }
  AYAR_INLINE float kept_scale() const { return 65536.0f / (65536.0f - static_cast<float>(threshold)); }
};

}  // namespace ayar::cpu
