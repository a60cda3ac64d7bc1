#pragma once

#include <pybind11/pybind11.h>

namespace ayar {
void bind_arena(pybind11::module_ module);
void bind_cpu(pybind11::module_ module);
void bind_cuda(pybind11::module_ module);  // only where the CUDA kernels were built
void bind_tokenizer(pybind11::module_ module);
void bind_clean(pybind11::module_ module);
void bind_minhash(pybind11::module_ module);
void bind_spelling(pybind11::module_ module);
}  // namespace ayar
