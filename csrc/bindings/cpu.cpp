// _native.cpu.<isa>.<kernel>: the same names and arguments in every instruction set, and in every other backend.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/adapter_caster.hpp"
#include "bindings/module.hpp"
#include "bindings/view_caster.hpp"
#include "core/cpu_features.hpp"
#include "cpu/adamw.hpp"
#include "cpu/attention.hpp"
#include "cpu/cross_entropy.hpp"
#include "cpu/geglu.hpp"
#include "cpu/gemm.hpp"
#include "cpu/head_norm.hpp"
#include "cpu/packed_weight.hpp"
#include "cpu/peak.hpp"
#include "cpu/rms_norm.hpp"
#include "cpu/rope.hpp"
#include "cpu/rows.hpp"
#include "cpu/swiglu.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {
using NoGil = py::call_guard<py::gil_scoped_release>;

// One class for all instruction sets: the packed form is the same in each.
void bind_packed_weight(py::module_& module) {
  const auto pack = [](const std::vector<View>& weights, std::optional<View> bias, bool bf16, const std::string& storage) {
    const auto kept = storage == "nf4" ? cpu::Storage::nf4 : storage == "int8" ? cpu::Storage::int8 : cpu::Storage::full;
    if (kept == cpu::Storage::full && storage != "full") throw py::value_error("storage is full, nf4 or int8");
    return std::make_unique<cpu::PackedWeight>(weights, bias.value_or(View()), bf16 ? DType::bfloat16 : DType::float32, kept);
  };
  py::class_<cpu::PackedWeight>(module, "PackedWeight")
      .def(py::init(pack), "weights"_a, "bias"_a, "bf16"_a, "storage"_a = "full", NoGil())
      .def("unpack", &cpu::PackedWeight::unpack, "weight"_a, NoGil())
      .def("int8_scales", &cpu::PackedWeight::int8_scales, "scales"_a, NoGil())
      .def_property_readonly("nbytes", &cpu::PackedWeight::bytes);
}
}  // namespace

#if defined(__x86_64__)
#define BIND_EACH_ISA(name, ...)                                         \
  portable.def(#name, &cpu::portable::name, __VA_ARGS__, NoGil());       \
  avx2.def(#name, &cpu::avx2::name, __VA_ARGS__, NoGil());               \
  avx512.def(#name, &cpu::avx512::name, __VA_ARGS__, NoGil());           \
  avx512_bf16.def(#name, &cpu::avx512_bf16::name, __VA_ARGS__, NoGil()); \
  amx.def(#name, &cpu::amx::name, __VA_ARGS__, NoGil())
#else
#define BIND_EACH_ISA(name, ...) portable.def(#name, &cpu::portable::name, __VA_ARGS__, NoGil())
#endif

void bind_cpu(py::module_ module) {
  std::vector<std::string> supported;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx}) {
    if (isa_supported(isa)) supported.emplace_back(isa_name(isa));
  }
  module.attr("SUPPORTED") = py::tuple(py::cast(supported));

  bind_packed_weight(module);

  py::module_ portable = module.def_submodule("portable");
#if defined(__x86_64__)
  py::module_ avx2 = module.def_submodule("avx2");
  py::module_ avx512 = module.def_submodule("avx512");
  py::module_ avx512_bf16 = module.def_submodule("avx512_bf16");
  py::module_ amx = module.def_submodule("amx");
#endif

  BIND_EACH_ISA(rms_norm_forward, "x"_a, "weight"_a, "eps"_a, "y"_a, "rstd"_a);
  BIND_EACH_ISA(rms_norm_backward_input, "dy"_a, "x"_a, "weight"_a, "rstd"_a, "dresidual"_a, "dx"_a);
  BIND_EACH_ISA(rms_norm_backward_weight, "dy"_a, "x"_a, "rstd"_a, "dweight"_a);
  BIND_EACH_ISA(head_norm_forward, "x"_a, "weight"_a, "eps"_a, "y"_a, "rstd"_a);
  BIND_EACH_ISA(head_norm_backward, "dy"_a, "x"_a, "weight"_a, "rstd"_a, "dx"_a);
  BIND_EACH_ISA(rope_forward, "x"_a, "cos"_a, "sin"_a, "position_ids"_a, "num_rotated_heads"_a, "y"_a);
  BIND_EACH_ISA(rope_backward, "dy"_a, "cos"_a, "sin"_a, "position_ids"_a, "num_rotated_heads"_a, "dx"_a);
  BIND_EACH_ISA(swiglu_forward, "gate_up"_a, "y"_a);
  BIND_EACH_ISA(swiglu_backward, "dy"_a, "gate_up"_a, "dgate_up"_a);
  BIND_EACH_ISA(geglu_forward, "gate_up"_a, "y"_a);
  BIND_EACH_ISA(geglu_backward, "dy"_a, "gate_up"_a, "dgate_up"_a);
  BIND_EACH_ISA(adamw, "parameter"_a, "gradient"_a, "exp_avg"_a, "exp_avg_sq"_a, "learning_rate"_a, "beta1"_a, "beta2"_a, "eps"_a,
                "weight_decay"_a, "step"_a);
  BIND_EACH_ISA(square_sum, "x"_a);
  BIND_EACH_ISA(attention_forward, "qkv"_a, "cu_seqlens"_a, "parents"_a, "num_heads"_a, "num_kv_heads"_a, "scale"_a, "window"_a,
                "softcap"_a, "y"_a, "logsumexp"_a);
  BIND_EACH_ISA(attention_backward, "dy"_a, "qkv"_a, "y"_a, "logsumexp"_a, "cu_seqlens"_a, "parents"_a, "num_heads"_a, "num_kv_heads"_a,
                "scale"_a, "window"_a, "softcap"_a, "dqkv"_a);
  BIND_EACH_ISA(gather_rows, "x"_a, "positions"_a, "y"_a);
  BIND_EACH_ISA(add_rows, "y"_a, "positions"_a, "x"_a);
  BIND_EACH_ISA(cross_entropy, "logits"_a, "targets"_a, "losses"_a, "softcap"_a = 0.0F);
  BIND_EACH_ISA(cross_entropy_with_gradient, "logits"_a, "targets"_a, "losses"_a, "dlogits"_a, "softcap"_a = 0.0F);
  BIND_EACH_ISA(peak_gflops, "bf16"_a, "seconds"_a);
  BIND_EACH_ISA(linear_forward, "x"_a, "weight"_a, "y"_a);
  BIND_EACH_ISA(linear_backward_input, "dy"_a, "weight"_a, "dx"_a);
  BIND_EACH_ISA(lora_linear_forward, "x"_a, "weight"_a, "adapters"_a, "u"_a, "y"_a);
  BIND_EACH_ISA(lora_linear_backward, "dy"_a, "x"_a, "u"_a, "weight"_a, "adapters"_a, "gradients"_a, "dx"_a);
}

}  // namespace ayar
