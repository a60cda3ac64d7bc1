// From NF4 codes to the panels that a GEMM reads: weights exist as numbers only a few panels at a time.
#pragma once

#include "cpu/isa.hpp"
#include "cpu/nf4_weight.hpp"

namespace ayar::cpu {

AYAR_EACH_ISA(
    // Panels of 16 rows of W, depth K, as panels.hpp; rounded to dtype.
    void dequantize_rows(const Nf4Weight& weight, DType dtype, int64_t panel_begin, int64_t panel_end, void* panels);
    // Panels of 16 columns of W, depth N. panel_begin: a multiple of 4, so that a block is read once.
    void dequantize_columns(const Nf4Weight& weight, DType dtype, int64_t panel_begin, int64_t panel_end, void* panels);)

}  // namespace ayar::cpu
