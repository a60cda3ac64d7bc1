// _native.cpu.<isa>.<kernel>: the same names and arguments in every instruction set, and in every other backend.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/module.hpp"
#include "bindings/view_caster.hpp"
#include "core/cpu_features.hpp"
#include "cpu/adamw.hpp"
#include "cpu/rms_norm.hpp"
#include "cpu/rope.hpp"
#include "cpu/swiglu.hpp"

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
  BIND_EACH_ISA(rope_forward, "x"_a, "cos"_a, "sin"_a, "position_ids"_a, "num_rotated_heads"_a, "y"_a);
  BIND_EACH_ISA(rope_backward, "dy"_a, "cos"_a, "sin"_a, "position_ids"_a, "num_rotated_heads"_a, "dx"_a);
  BIND_EACH_ISA(swiglu_forward, "gate_up"_a, "y"_a);
  BIND_EACH_ISA(swiglu_backward, "dy"_a, "gate_up"_a, "dgate_up"_a);
  BIND_EACH_ISA(adamw, "parameter"_a, "gradient"_a, "exp_avg"_a, "exp_avg_sq"_a, "learning_rate"_a, "beta1"_a, "beta2"_a, "eps"_a,
                "weight_decay"_a, "step"_a);
  BIND_EACH_ISA(square_sum, "x"_a);
}

}  // namespace ayar
