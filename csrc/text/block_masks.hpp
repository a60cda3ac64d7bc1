// The ASCII characters of 64 bytes, one bit a byte: the only part of pre-tokenization that is written for each instruction set.
#pragma once

#include <cstdint>
#include <vector>

namespace ayar::text {

struct AsciiMasks {
  uint64_t upper, lower, digit, space;
  uint64_t newline, blank, control;  // CR and LF; tab, VT and FF; the other C0 and DEL
  uint64_t apostrophe, slash, high;  // high: not ASCII
};

using AsciiMasksOf = void (*)(const uint8_t* block, AsciiMasks& masks);  // reads 64 bytes

void ascii_masks_portable(const uint8_t* block, AsciiMasks& masks);
std::vector<AsciiMasksOf> supported_ascii_masks();  // of this processor, the fastest first
AsciiMasksOf best_ascii_masks();                    // the fastest; AYAR_ISA chooses another

}  // namespace ayar::text
