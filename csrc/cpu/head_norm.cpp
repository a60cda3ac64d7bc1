#include "cpu/head_norm.hpp"

#include "core/thread_pool.hpp"
#include "cpu/rms_row.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

// Calls norm(row, weight row, rstd index) for the normed heads of each token and copies the rest from `from`.
template <class T, class Norm>
void for_each_head(View from, View weight, View rstd, View to, Norm norm) {
  const int64_t tokens = rstd.rows(), normed = weight.rows(), heads = tokens > 0 ? from.rows() / tokens : normed;
  AYAR_REQUIRE(from.rows() == tokens * heads && heads >= normed && rstd.cols() == normed && rstd.is_contiguous());
  AYAR_REQUIRE(to.rows() == from.rows() && to.cols() == from.cols() && to.dtype() == from.dtype() && weight.cols() == from.cols());
  AYAR_REQUIRE(from.is_contiguous() && to.is_contiguous() && weight.dtype() == DType::float32 && rstd.dtype() == DType::float32);
  parallel_rows(tokens, [&](int64_t t) {
    for (int64_t h = 0; h < normed; ++h) norm(t * heads + h, weight.row<float>(h), t * normed + h);
    const int64_t first = t * heads + normed, rest = (heads - normed) * from.cols();
    if (rest > 0) __builtin_memcpy(to.row<T>(first), from.row<T>(first), sizeof(T) * rest);
  });
}

}  // namespace

void head_norm_forward(View x, View weight, float eps, View y, View rstd) {
  float* reciprocal = rstd.data<float>();
  with_dtype(x.dtype(), [&]<class T>(T) {
    for_each_head<T>(x, weight, rstd, y, [&](int64_t row, const float* scale, int64_t index) {
      reciprocal[index] = norm_row(x.row<T>(row), scale, eps, x.cols(), y.row<T>(row));
    });
  });
}

void head_norm_backward(View dy, View x, View weight, View rstd, View dx) {
  AYAR_REQUIRE(x.rows() == dy.rows() && x.cols() == dy.cols() && x.dtype() == dy.dtype() && x.is_contiguous());
  const float* reciprocal = rstd.data<float>();
  with_dtype(dy.dtype(), [&]<class T>(T) {
    for_each_head<T>(dy, weight, rstd, dx, [&](int64_t row, const float* scale, int64_t index) {
      norm_row_backward(dy.row<T>(row), x.row<T>(row), scale, reciprocal[index], dy.cols(), static_cast<const T*>(nullptr), dx.row<T>(row));
    });
  });
}

}  // namespace ayar::cpu::AYAR_ISA
