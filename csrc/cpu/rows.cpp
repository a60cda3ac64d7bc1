#include "cpu/rows.hpp"

#include "core/thread_pool.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

const int64_t* checked_positions(const View& positions, const View& picked, const View& whole) {
  AYAR_REQUIRE(positions.size() == picked.rows() && positions.is_contiguous());
  AYAR_REQUIRE(picked.cols() == whole.cols() && picked.dtype() == whole.dtype());
  const int64_t* position = positions.data<int64_t>();
  for (int64_t i = 0; i < positions.size(); ++i) AYAR_REQUIRE(position[i] >= 0 && position[i] < whole.rows());
  return position;
}

}  // namespace

void gather_rows(View x, View positions, View y) {
  const int64_t* position = checked_positions(positions, y, x);
  with_dtype(x.dtype(), [&]<class T>(T) {
    parallel_rows(y.rows(), [&](int64_t i) { __builtin_memcpy(y.row<T>(i), x.row<T>(position[i]), sizeof(T) * y.cols()); });
  });
}

void add_rows(View y, View positions, View x) {
  const int64_t* position = checked_positions(positions, y, x);
  AYAR_REQUIRE(x.dtype() == DType::float32);
  parallel_ranges(x.cols(), 64, [&](int64_t begin, int64_t end, int) {  // columns are split: each sum has one owner
    for (int64_t i = 0; i < y.rows(); ++i) {
      const float* from = y.row<float>(i);
      float* to = x.row<float>(position[i]);
#pragma omp simd
      for (int64_t c = begin; c < end; ++c) to[c] += from[c];
    }
  });
}

}  // namespace ayar::cpu::AYAR_ISA
