// ayar._native: core facts here, one submodule a folder of the core.
#include "bindings/module.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "core/cpu_features.hpp"
#include "core/thread_pool.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_native, module) {
  module.doc() = "The native core of Ayar";
  module.def("thread_count", &ayar::thread_count);
  module.def("set_thread_count", &ayar::set_thread_count, py::arg("count"));
  module.def("cpu_model", &ayar::cpu_model);
  module.def("cpu_flags", &ayar::cpu_flags);
  ayar::bind_arena(module.def_submodule("arena", "Memory that is reused from step to step"));
  ayar::bind_cpu(module.def_submodule("cpu", "Training kernels, one submodule an instruction set"));
#if defined(AYAR_HAS_CUDA)
  ayar::bind_cuda(module.def_submodule("cuda", "CUDA kernels"));
#endif
  ayar::bind_tokenizer(module.def_submodule("tokenizer", "Byte-level BPE"));
  ayar::bind_clean(module.def_submodule("clean", "Text cleaning and span scanning"));
  ayar::bind_minhash(module.def_submodule("minhash", "Near-duplicates"));
  ayar::bind_spelling(module.def_submodule("spelling", "Spelling"));
}
