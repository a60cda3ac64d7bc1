// Tensors cross the border by DLPack: any object with __dlpack__ (torch, numpy) becomes a View for the time of a call.
#pragma once

#include <pybind11/pybind11.h>

#include "bindings/dlpack.hpp"
#include "core/view.hpp"

namespace pybind11::detail {

template <>
struct type_caster<ayar::View> {
 public:
  PYBIND11_TYPE_CASTER(ayar::View, const_name("Tensor"));

  bool load(handle source, bool) {
    if (!hasattr(source, "__dlpack__")) return false;
    capsule_ = source.attr("__dlpack__")();
    const auto* managed = static_cast<const ayar::DLManagedTensor*>(PyCapsule_GetPointer(capsule_.ptr(), "dltensor"));
    if (managed == nullptr) throw error_already_set();
    value = view_of(managed->dl_tensor);
    return true;
  }

 private:
  static ayar::View view_of(const ayar::DLTensor& tensor) {
    if (tensor.device.device_type != ayar::kDLCPU) throw value_error("a native kernel takes tensors in main memory");
    int64_t size = 1;
    for (int axis = 0; axis < tensor.ndim; ++axis) size *= tensor.shape[axis];
    const int64_t cols = tensor.ndim > 0 ? tensor.shape[tensor.ndim - 1] : 1;
    const int64_t rows = tensor.ndim > 1 ? (cols != 0 ? size / cols : 0) : 1;
    int64_t row_stride = cols;
    if (tensor.strides != nullptr && size > 0) {
      if (cols > 1 && tensor.strides[tensor.ndim - 1] != 1) throw value_error("the last axis must be contiguous");
      if (tensor.ndim == 2) {
        if (rows > 1) row_stride = tensor.strides[0];
      } else {
        int64_t expected = cols;
        for (int axis = tensor.ndim - 2; axis >= 0; --axis) {
          if (tensor.shape[axis] != 1 && tensor.strides[axis] != expected) throw value_error("the tensor must be contiguous");
          expected *= tensor.shape[axis];
        }
      }
    }
    return {static_cast<char*>(tensor.data) + tensor.byte_offset, rows, cols, row_stride, dtype_of(tensor.dtype)};
  }

  static ayar::DType dtype_of(const ayar::DLDataType& dtype) {
    if (dtype.lanes == 1) {
      if (dtype.code == ayar::kDLFloat && dtype.bits == 32) return ayar::DType::float32;
      if (dtype.code == ayar::kDLBfloat && dtype.bits == 16) return ayar::DType::bfloat16;
      if (dtype.code == ayar::kDLInt && dtype.bits == 32) return ayar::DType::int32;
      if (dtype.code == ayar::kDLInt && dtype.bits == 64) return ayar::DType::int64;
      if (dtype.code == ayar::kDLUInt && dtype.bits == 8) return ayar::DType::uint8;
    }
    throw value_error("a native kernel takes float32, bfloat16, int32, int64 or uint8");
  }

  object capsule_;  // owns the tensor until the call is over
};

}  // namespace pybind11::detail
