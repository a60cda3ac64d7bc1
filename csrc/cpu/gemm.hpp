// Matrix products with a packed right-hand side.  y = Σ_f rows_f · panels_f + bias, summed in fp32 and rounded once.
//
// x, dy, rows: [rows, depth] fp32 or bf16, the dtype of the packed side; a row may be longer than depth.  y, dx: fp32 or bf16.
// An element's terms are added in an order that depends on the depth alone: never on threads, blocks or neighbouring rows.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"
#include "cpu/packed_weight.hpp"

namespace ayar::cpu {

// Depth steps of a panel that are not known to be zero; begin is even.
struct DepthRange {
  int64_t begin, end;
};

// One product of the sum.
struct Factor {
  const void* rows;    // first row of the block
  int64_t row_stride;  // in elements
  const void* panels;  // as in panels.hpp
  int64_t depth;
  const DepthRange* ranges = nullptr;  // one a panel; null: all steps of all panels
  int64_t stored_depth = 0;            // not 0: the panels hold the transpose, and this many steps; the first factor only
};

AYAR_EACH_ISA(
    // Rows [0, y.rows()) and panels [panel_begin, panel_end) of y, on the calling thread. bias: by column, whole panels; or null.
    // start: what the sums of just these panels begin with instead of zero, fp32; or empty.
    void multiply_block(DType dtype, const Factor* factors, int factor_count, int64_t panel_begin, int64_t panel_end, const float* bias,
                        View y, View start = {});
    // y = x Wᵀ + bias.
    void linear_forward(View x, const PackedWeight& weight, View y);
    // dx = dy W.
    void linear_backward_input(View dy, const PackedWeight& weight, View dx);)

}  // namespace ayar::cpu
