// A borrowed two-dimensional array: what every kernel takes and writes. The caller owns the memory.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/macros.hpp"

namespace ayar {

struct bfloat16 {
  uint16_t bits;
};

enum class DType : uint8_t { float32, bfloat16, int32, int64, uint8 };

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::bfloat16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::uint8;
};

// rows × cols elements; a row is contiguous, rows lie row_stride elements apart.
// A tensor of more axes arrives with its leading axes flattened into rows; a vector is one row.
class View {
 public:
  View() = default;
  View(void* data, int64_t rows, int64_t cols, int64_t row_stride, DType dtype)
      : data_(data), rows_(rows), cols_(cols), row_stride_(row_stride), dtype_(dtype) {}

  AYAR_INLINE int64_t rows() const { return rows_; }
  AYAR_INLINE int64_t cols() const { return cols_; }
  AYAR_INLINE int64_t size() const { return rows_ * cols_; }
  AYAR_INLINE int64_t row_stride() const { return row_stride_; }
  AYAR_INLINE DType dtype() const { return dtype_; }
  AYAR_INLINE bool is_contiguous() const { return row_stride_ == cols_ || rows_ <= 1; }

  template <class T>
  AYAR_INLINE T* row(int64_t r) const {
    return static_cast<T*>(data_) + r * row_stride_;
  }

  // Rows [begin, end) of this array.
  AYAR_INLINE View rows_from(int64_t begin, int64_t end) const {
    const int64_t bytes = dtype_ == DType::uint8 ? 1 : dtype_ == DType::bfloat16 ? 2 : dtype_ == DType::int64 ? 8 : 4;
    return {static_cast<char*>(data_) + begin * row_stride_ * bytes, end - begin, cols_, row_stride_, dtype_};
  }

  // The first element, after checking that the dtype is what the kernel was written for.
  template <class T>
  AYAR_INLINE T* data() const {
    if (dtype_ != DTypeOf<T>::value) require_failed("the dtype that the kernel takes", __func__);
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  int64_t rows_ = 0, cols_ = 0, row_stride_ = 0;
  DType dtype_ = DType::float32;
};

AYAR_INLINE float load(const float* p) {
  return *p;
}
AYAR_INLINE float load(const bfloat16* p) {
  const uint32_t bits = static_cast<uint32_t>(p->bits) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}
AYAR_INLINE void store(float* p, float value) {
  *p = value;
}
// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
AYAR_INLINE void store(bfloat16* p, float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  const uint32_t quiet_nan = (bits >> 16) | 0x40;
  p->bits = static_cast<uint16_t>((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet_nan : rounded);
}

// Calls body(T{}) with the element type of an activation: fp32 or bf16.
template <class Body>
AYAR_INLINE void with_dtype(DType dtype, Body&& body) {
  AYAR_REQUIRE(dtype == DType::float32 || dtype == DType::bfloat16);
  if (dtype == DType::float32) {
    body(float{});
  } else {
    body(bfloat16{});
  }
}

}  // namespace ayar
