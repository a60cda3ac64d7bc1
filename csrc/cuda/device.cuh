// The CUDA that our kernels are written in. With AYAR_EMULATE_CUDA the same source is compiled for the CPU by the emulation in tests.
#pragma once

#include <cstdint>

#if defined(AYAR_EMULATE_CUDA)
#include "cuda/emulation.hpp"
#else
#include <cuda_bf16.h>
#include <cuda_runtime.h>

// One array of shared memory, owned by the block; the emulation poisons it at the start of each block.
#define AYAR_SHARED(type, name, count) __shared__ type name[count]
#define AYAR_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)

namespace ayar::cuda {
// Two floats rounded to nearest even; `first` lies at the lower address.
__device__ inline uint32_t pack_bfloat16(float first, float second) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
}  // namespace ayar::cuda
#endif
