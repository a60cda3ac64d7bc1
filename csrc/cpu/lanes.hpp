// Sixteen fp32 numbers side by side, in the registers of the instruction set that this file is compiled for.
//
// kTileRows × kTilePanels panels is the largest tile of sums that stays in registers, TileRows<P> the rows that go with P panels.
// AYAR_DOT_BF16: a bf16 product is computed as such (`dot`); elsewhere bf16 is widened to fp32 first.
#pragma once

#if defined(__AVX512F__)
#include "cpu/lanes_avx512.hpp"
#elif defined(__AVX2__)
#include "cpu/lanes_avx2.hpp"
#else
#include "cpu/lanes_portable.hpp"
#endif
