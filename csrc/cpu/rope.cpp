#include "cpu/rope.hpp"

#include "core/thread_pool.hpp"
#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

template <class T>
AYAR_INLINE void rotate_head(const T* x, const float* cos, const float* sin, float direction, int64_t half, T* y) {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Floats first = load_vector(x + i), second = load_vector(x + half + i);
    const Floats c = load_vector(cos + i), s = load_vector(sin + i) * direction;
    store_vector(y + i, first * c - second * s);
    store_vector(y + half + i, second * c + first * s);
  }
  for (; i < half; ++i) {
    const float first = load(x + i), second = load(x + half + i), c = cos[i], s = sin[i] * direction;
    store(y + i, first * c - second * s);
    store(y + half + i, second * c + first * s);
  }
}

void rotate(View x, View cos, View sin, View position_ids, int64_t num_rotated_heads, float direction, View y) {
  const int64_t tokens = position_ids.size();
  const int64_t heads = tokens > 0 ? x.rows() / tokens : 0;
  const int64_t half = cos.cols();
  const int32_t* position = position_ids.data<int32_t>();
  const int64_t head_dim = x.cols(), still = head_dim - 2 * half;  // dimensions of a head that are not rotated
  AYAR_REQUIRE(x.rows() == tokens * heads && still >= 0 && x.is_contiguous());
  AYAR_REQUIRE(y.rows() == x.rows() && y.cols() == x.cols() && y.dtype() == x.dtype() && y.is_contiguous());
  AYAR_REQUIRE(sin.rows() == cos.rows() && sin.cols() == half && cos.dtype() == DType::float32 && sin.dtype() == DType::float32);
  AYAR_REQUIRE(tokens == 0 || (num_rotated_heads >= 0 && num_rotated_heads <= heads));
  for (int64_t t = 0; t < tokens; ++t) AYAR_REQUIRE(position[t] >= 0 && position[t] < cos.rows());
  with_dtype(x.dtype(), [&]<class T>(T) {
    parallel_rows(tokens, [&](int64_t t) {
      const float* c = cos.row<float>(position[t]);
      const float* s = sin.row<float>(position[t]);
      const T* from = x.row<T>(t * heads);
      T* to = y.row<T>(t * heads);
      for (int64_t h = 0; h < num_rotated_heads; ++h) {
        rotate_head(from + h * head_dim, c, s, direction, half, to + h * head_dim);
        const int64_t turned = h * head_dim + 2 * half;
        if (still > 0) __builtin_memcpy(to + turned, from + turned, sizeof(T) * still);
      }
      const int64_t turned = num_rotated_heads * head_dim;
      __builtin_memcpy(to + turned, from + turned, sizeof(T) * (heads * head_dim - turned));
    });
  });
}

}  // namespace

void rope_forward(View x, View cos, View sin, View position_ids, int64_t num_rotated_heads, View y) {
  rotate(x, cos, sin, position_ids, num_rotated_heads, 1.0F, y);
}

void rope_backward(View dy, View cos, View sin, View position_ids, int64_t num_rotated_heads, View dx) {
  rotate(dy, cos, sin, position_ids, num_rotated_heads, -1.0F, dx);
}

}  // namespace ayar::cpu::AYAR_ISA
