// Products of int8 weights with rows that are quantized on the way: code = round(127 · x / largest of the row).
//
// The sums of code products are exact integers, so results do not depend on the instruction set. A row that holds an infinity or a NaN
// becomes NaN whole.
#pragma once

#include "core/view.hpp"
#include "cpu/int8_weight.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {

// Rows in the scratch memory of the calling thread, until it quantizes others.
struct QuantizedRows {
  const void* codes;    // as the instruction set takes them; zero up to whole steps
  int64_t stride;       // in codes
  const float* scales;  // of each row
  const int32_t* sums;  // of each row's codes
};

AYAR_EACH_ISA(
    // rows: fp32 or bf16. factor: multiplies the columns first; null: none.
    QuantizedRows quantize_rows(View rows, const float* factor);
    // sums[m][c] = scale_m · column_scale_c · Σₖ code_mk · panel_kc for `panels` panels, plus what is there where `adds`. sums: whole
    // panels of fp32. column_scale: null means 1.
    void multiply_int8(const QuantizedRows& rows, const uint8_t* panels, int64_t depth, const float* column_scale, bool adds, View sums);)

}  // namespace ayar::cpu
