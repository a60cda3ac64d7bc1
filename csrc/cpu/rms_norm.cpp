#include "cpu/rms_norm.hpp"

#include "core/thread_pool.hpp"
#include "cpu/rms_row.hpp"

namespace ayar::cpu::AYAR_ISA {

void rms_norm_forward(View x, View weight, float eps, View y, View rstd) {
  AYAR_REQUIRE(weight.size() == x.cols() && rstd.size() == x.rows());
  AYAR_REQUIRE(y.rows() == x.rows() && y.cols() == x.cols() && y.dtype() == x.dtype());
  const float* scale = weight.data<float>();
  float* reciprocal = rstd.data<float>();
  with_dtype(x.dtype(), [&]<class T>(T) {
    parallel_rows(x.rows(), [&](int64_t r) { reciprocal[r] = norm_row(x.row<T>(r), scale, eps, x.cols(), y.row<T>(r)); });
  });
}

void rms_norm_backward_input(View dy, View x, View weight, View rstd, View dresidual, View dx) {
  AYAR_REQUIRE(weight.size() == x.cols() && rstd.size() == x.rows() && dy.dtype() == x.dtype() && dx.dtype() == x.dtype());
  AYAR_REQUIRE(dy.rows() == x.rows() && dy.cols() == x.cols() && dx.rows() == x.rows() && dx.cols() == x.cols());
  const bool has_residual = dresidual.rows() != 0;
  AYAR_REQUIRE(!has_residual || (dresidual.rows() == x.rows() && dresidual.cols() == x.cols() && dresidual.dtype() == x.dtype()));
  const float* scale = weight.data<float>();
  const float* reciprocal = rstd.data<float>();
  with_dtype(x.dtype(), [&]<class T>(T) {
    parallel_rows(x.rows(), [&](int64_t r) {
      const T* residual = has_residual ? dresidual.row<T>(r) : nullptr;
      norm_row_backward(dy.row<T>(r), x.row<T>(r), scale, reciprocal[r], x.cols(), residual, dx.row<T>(r));
    });
  });
}

void rms_norm_backward_weight(View dy, View x, View rstd, View dweight) {
  AYAR_REQUIRE(dweight.size() == x.cols() && rstd.size() == x.rows() && dy.dtype() == x.dtype());
  AYAR_REQUIRE(dy.rows() == x.rows() && dy.cols() == x.cols());
  float* sum = dweight.data<float>();
  const float* reciprocal = rstd.data<float>();
  with_dtype(x.dtype(), [&]<class T>(T) {
    parallel_ranges(x.cols(), 64, [&](int64_t begin, int64_t end, int) {  // columns are split: each sum has one owner
      for (int64_t r = 0; r < x.rows(); ++r) {
        const T* dy_row = dy.row<T>(r);
        const T* x_row = x.row<T>(r);
#pragma omp simd
        for (int64_t c = begin; c < end; ++c) sum[c] += load(dy_row + c) * load(x_row + c) * reciprocal[r];
      }
    });
  });
}

}  // namespace ayar::cpu::AYAR_ISA
