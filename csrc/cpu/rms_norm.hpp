// RMSNorm (Zhang & Sennrich, 2019) over the last axis:  y = x * rstd * weight,  rstd = 1 / sqrt(mean(x²) + eps).
// x, y, dy, dx: [rows, cols] fp32 or bf16.  weight, dweight: [cols] fp32.  rstd: [rows, 1] fp32.  Sums in fp32.
#pragma once

#include "core/view.hpp"
#include "cpu/isa.hpp"

namespace ayar::cpu {
AYAR_EACH_ISA(void rms_norm_forward(View x, View weight, float eps, View y, View rstd);
              // dx = rstd * (dy * weight - x * rstd² * mean(dy * weight * x)).
              // dresidual: what else flows into x; of no rows where nothing does.
              void rms_norm_backward_input(View dy, View x, View weight, View rstd, View dresidual, View dx);
              // Adds to dweight: sum over rows of dy * x * rstd. Rows are summed in an order that does not depend on the threads.
              void rms_norm_backward_weight(View dy, View x, View rstd, View dweight);)
}  // namespace ayar::cpu
