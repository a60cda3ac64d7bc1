// Sixteen fp32 numbers side by side, in the registers of the instruction set that this file is compiled for.
//
// A tile of sums that stays in registers has up to kTilePanels panels and kTileRows<PANELS> rows; kOuterRows × kOuterPanels likewise.
#pragma once

#if defined(__AVX512F__)
#include "cpu/lanes_avx512.hpp"
#elif defined(__AVX2__)
#include "cpu/lanes_avx2.hpp"
#else
#include "cpu/lanes_portable.hpp"
#endif
