// _native.cpu.<isa>.<kernel>: the same names and arguments in every instruction set, and in every other backend.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/module.hpp"
#include "bindings/view_caster.hpp"
#include "core/cpu_features.hpp"
#include "cpu/rms_norm.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {
using NoGil = py::call_guard<py::gil_scoped_release>;
}

#if defined(__x86_64__)
#define BIND_EACH_ISA(name, ...)                                   \
  portable.def(#name, &cpu::portable::name, __VA_ARGS__, NoGil()); \
  avx2.def(#name, &cpu::avx2::name, __VA_ARGS__, NoGil());         \
  avx512.def(#name, &cpu::avx512::name, __VA_ARGS__, NoGil());     \
  avx512_bf16.def(#name, &cpu::avx512_bf16::name, __VA_ARGS__, NoGil())
#else
#define BIND_EACH_ISA(name, ...) portable.def(#name, &cpu::portable::name, __VA_ARGS__, NoGil())
#endif

void bind_cpu(py::module_ module) {
  std::vector<std::string> supported;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512_bf16}) {
    if (isa_supported(isa)) supported.emplace_back(isa_name(isa));
  }
  module.attr("SUPPORTED") = py::tuple(py::cast(supported));

  py::module_ portable = module.def_submodule("portable");
#if defined(__x86_64__)
  py::module_ avx2 = module.def_submodule("avx2");
  py::module_ avx512 = module.def_submodule("avx512");
  py::module_ avx512_bf16 = module.def_submodule("avx512_bf16");
#endif

  BIND_EACH_ISA(rms_norm_forward, "x"_a, "weight"_a, "eps"_a, "y"_a, "rstd"_a);
  BIND_EACH_ISA(rms_norm_backward_input, "dy"_a, "x"_a, "weight"_a, "rstd"_a, "dx"_a);
  BIND_EACH_ISA(rms_norm_backward_weight, "dy"_a, "x"_a, "rstd"_a, "dweight"_a);
}

}  // namespace ayar
