// The kernels compiled for the CPU, called from tests/cuda through ctypes. A call returns 0, or 1 where the emulation found a fault.
#pragma once

#define AYAR_EMULATE_CUDA 1
#include "cuda/device.cuh"

template <class Launch>
int guarded(uint64_t seed, const Launch& launch) {
  ayar::emulation::seed = seed;
  try {
    launch();
  } catch (const std::logic_error&) {
    return 1;
  }
  return 0;
}
