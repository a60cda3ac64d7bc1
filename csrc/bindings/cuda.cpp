// _native.cuda: launches on device pointers and a stream, all given as integers, so that nothing here links against torch. None waits.
#include <pybind11/pybind11.h>

#include <cstdint>

#include "bindings/module.hpp"
#include "cuda/adamw.cuh"
#include "cuda/clean.cuh"
#include "cuda/int8.cuh"
#include "cuda/nf4.cuh"
#include "cuda/pack.cuh"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {

using Address = uintptr_t;

template <class T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): the caller's tensor owns it
}

template <class T>
void nf4_dequantize(Address code, Address absmax, Address value, int64_t count, int64_t cols, int64_t stride, Address stream) {
  cuda::nf4_dequantize(at<const uint8_t>(code), at<const float>(absmax), at<T>(value), count, cols, stride, at<void>(stream));
}

template <class T>
void int8_dequantize(Address code, Address absmax, Address value, int64_t stride, int64_t rows, int64_t cols, Address stream) {
  cuda::int8_dequantize(at<const int8_t>(code), at<const float>(absmax), at<T>(value), stride, rows, cols, at<void>(stream));
}

void bind_quantization(py::module_& module) {
  module.def("nf4_dequantize_float32", &nf4_dequantize<float>, "code"_a, "absmax"_a, "value"_a, "count"_a, "cols"_a, "stride"_a,
             "stream"_a);
  module.def("nf4_dequantize_bfloat16", &nf4_dequantize<uint16_t>, "code"_a, "absmax"_a, "value"_a, "count"_a, "cols"_a, "stride"_a,
             "stream"_a);
  module.def(
      "nf4_quantize",
      [](Address value, Address code, Address absmax, int64_t count, Address stream) {
        cuda::nf4_quantize(at<const float>(value), at<uint8_t>(code), at<float>(absmax), count, at<void>(stream));
      },
      "value"_a, "code"_a, "absmax"_a, "count"_a, "stream"_a);
  module.def("int8_dequantize_float32", &int8_dequantize<float>, "code"_a, "absmax"_a, "value"_a, "stride"_a, "rows"_a, "cols"_a,
             "stream"_a);
  module.def("int8_dequantize_bfloat16", &int8_dequantize<uint16_t>, "code"_a, "absmax"_a, "value"_a, "stride"_a, "rows"_a, "cols"_a,
             "stream"_a);
  module.def(
      "int8_quantize",
      [](Address value, int64_t stride, Address code, Address absmax, int64_t rows, int64_t cols, Address stream) {
        cuda::int8_quantize(at<const float>(value), stride, at<int8_t>(code), at<float>(absmax), rows, cols, at<void>(stream));
      },
      "value"_a, "stride"_a, "code"_a, "absmax"_a, "rows"_a, "cols"_a, "stream"_a);
}

void bind_optimizer(py::module_& module) {
  module.attr("NORM_BLOCKS") = cuda::kNormBlocks;
  module.attr("BORDER_COPY_BYTES") = sizeof(cuda::BorderCopy);
  module.def(
      "adamw",
      [](Address parameter, Address gradient, Address exp_avg, Address exp_avg_sq, int64_t count, Address settings, Address clip,
         Address borders, int border_count, Address stream) {
        cuda::adamw(at<float>(parameter), at<const float>(gradient), at<float>(exp_avg), at<float>(exp_avg_sq), count,
                    at<const float>(settings), at<const float>(clip), at<const cuda::BorderCopy>(borders), border_count, at<void>(stream));
      },
      "parameter"_a, "gradient"_a, "exp_avg"_a, "exp_avg_sq"_a, "count"_a, "settings"_a, "clip"_a, "borders"_a, "border_count"_a,
      "stream"_a);
  module.def(
      "adamw_8bit",
      [](Address parameter, Address gradient, Address exp_avg, Address exp_avg_sq, Address absmax_avg, Address absmax_sq,
         Address signed_table, Address unsigned_table, int64_t count, Address settings, Address clip, Address stream) {
        cuda::adamw_8bit(at<float>(parameter), at<const float>(gradient), at<uint8_t>(exp_avg), at<uint8_t>(exp_avg_sq),
                         at<float>(absmax_avg), at<float>(absmax_sq), at<const float>(signed_table), at<const float>(unsigned_table), count,
                         at<const float>(settings), at<const float>(clip), at<void>(stream));
      },
      "parameter"_a, "gradient"_a, "exp_avg"_a, "exp_avg_sq"_a, "absmax_avg"_a, "absmax_sq"_a, "signed_table"_a, "unsigned_table"_a,
      "count"_a, "settings"_a, "clip"_a, "stream"_a);
  module.def(
      "gradient_norm",
      [](Address gradient, int64_t count, float max_norm, Address partial, Address norm, Address clip, Address stream) {
        cuda::gradient_norm(at<const float>(gradient), count, max_norm, at<double>(partial), at<float>(norm), at<float>(clip),
                            at<void>(stream));
      },
      "gradient"_a, "count"_a, "max_norm"_a, "partial"_a, "norm"_a, "clip"_a, "stream"_a);
}

void bind_batches(py::module_& module) {
  module.def(
      "running_sums",
      [](Address lengths, Address cu_seqlens, int64_t count, Address stream) {
        cuda::running_sums(at<const int32_t>(lengths), at<int32_t>(cu_seqlens), count, at<void>(stream));
      },
      "lengths"_a, "cu_seqlens"_a, "count"_a, "stream"_a);
  module.def(
      "pack_rows",
      [](Address tokens, Address is_trained, Address starts, Address rows, Address cu_seqlens, int64_t count, Address input_ids,
         Address position_ids, Address labels, Address stream) {
        cuda::pack_rows(at<const int32_t>(tokens), at<const uint8_t>(is_trained), at<const int64_t>(starts), at<const int32_t>(rows),
                        at<const int32_t>(cu_seqlens), count, at<int32_t>(input_ids), at<int32_t>(position_ids), at<int64_t>(labels),
                        at<void>(stream));
      },
      "tokens"_a, "is_trained"_a, "starts"_a, "rows"_a, "cu_seqlens"_a, "count"_a, "input_ids"_a, "position_ids"_a, "labels"_a, "stream"_a);
  module.def(
      "clean_measure",
      [](Address text, Address offsets, int64_t rows, Address flags, Address new_offsets, Address needs_cpu, Address stream) {
        cuda::clean_measure(at<const uint8_t>(text), at<const int64_t>(offsets), rows, at<const uint8_t>(flags), at<int64_t>(new_offsets),
                            at<uint8_t>(needs_cpu), at<void>(stream));
      },
      "text"_a, "offsets"_a, "rows"_a, "flags"_a, "new_offsets"_a, "needs_cpu"_a, "stream"_a);
  module.def(
      "clean_write",
      [](Address text, Address offsets, int64_t rows, Address flags, Address new_offsets, Address needs_cpu, Address cleaned,
         Address stream) {
        cuda::clean_write(at<const uint8_t>(text), at<const int64_t>(offsets), rows, at<const uint8_t>(flags),
                          at<const int64_t>(new_offsets), at<const uint8_t>(needs_cpu), at<uint8_t>(cleaned), at<void>(stream));
      },
      "text"_a, "offsets"_a, "rows"_a, "flags"_a, "new_offsets"_a, "needs_cpu"_a, "cleaned"_a, "stream"_a);
}

}  // namespace

void bind_cuda(py::module_ module) {
  bind_quantization(module);
  bind_optimizer(module);
  bind_batches(module);
}

}  // namespace ayar
