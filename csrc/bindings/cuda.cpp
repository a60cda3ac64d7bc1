// _native.cuda: launches on device pointers and a stream, both given as integers, so that nothing here links against torch.
#include <pybind11/pybind11.h>

#include <cstdint>

#include "bindings/module.hpp"
#include "cuda/nf4.cuh"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {

template <class T>
T* pointer(uintptr_t address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): the caller's tensor owns it
}

template <class T>
void nf4_dequantize(uintptr_t code, uintptr_t absmax, uintptr_t value, int64_t count, uintptr_t stream) {
  cuda::nf4_dequantize(pointer<const uint8_t>(code), pointer<const float>(absmax), pointer<T>(value), count, pointer<void>(stream));
}

}  // namespace

void bind_cuda(py::module_ module) {
  module.def("nf4_dequantize_float32", &nf4_dequantize<float>, "code"_a, "absmax"_a, "value"_a, "count"_a, "stream"_a);
  module.def("nf4_dequantize_bfloat16", &nf4_dequantize<uint16_t>, "code"_a, "absmax"_a, "value"_a, "count"_a, "stream"_a);
  module.def(
      "nf4_quantize",
      [](uintptr_t value, uintptr_t code, uintptr_t absmax, int64_t count, uintptr_t stream) {
        cuda::nf4_quantize(pointer<const float>(value), pointer<uint8_t>(code), pointer<float>(absmax), count, pointer<void>(stream));
      },
      "value"_a, "code"_a, "absmax"_a, "count"_a, "stream"_a);
}

}  // namespace ayar
