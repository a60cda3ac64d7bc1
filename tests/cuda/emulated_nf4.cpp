// csrc/cuda/nf4.cu compiled for the CPU; built and called by test_nf4.py. Returns 0, or 1 where the emulation found a fault.
#define AYAR_EMULATE_CUDA 1
#include "cuda/nf4.cu"

namespace {
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

__global__ void barrier_in_a_branch() {
  if (threadIdx.x < 7) __syncthreads();
}

__global__ void shuffle_in_a_branch(float* out) {
  if (threadIdx.x < 7) out[threadIdx.x] = __shfl_xor_sync(0xFFFFFFFFU, 1.0F, 1);
}

// With the barrier, thread 0 sums what all wrote; without it, what it sums depends on who ran first.
__global__ void sum_through_shared(float* out, bool with_barrier) {
  AYAR_SHARED(float, written, 64);
  written[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (with_barrier) __syncthreads();
  if (threadIdx.x != 0) return;
  *out = 0;
  for (int i = 0; i < 64; ++i) *out += written[i];
}
}  // namespace

extern "C" {
int dequantize_float32(const uint8_t* code, const float* absmax, float* value, int64_t count, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::nf4_dequantize(code, absmax, value, count, nullptr); });
}
int dequantize_bfloat16(const uint8_t* code, const float* absmax, uint16_t* value, int64_t count, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::nf4_dequantize(code, absmax, value, count, nullptr); });
}
int quantize(const float* value, uint8_t* code, float* absmax, int64_t count, uint64_t seed) {
  return guarded(seed, [&] { ayar::cuda::nf4_quantize(value, code, absmax, count, nullptr); });
}
int divergent_barrier(uint64_t seed) {
  return guarded(seed, [&] { AYAR_LAUNCH(barrier_in_a_branch, dim3(1), dim3(32), nullptr); });
}
int divergent_shuffle(float* out, uint64_t seed) {
  return guarded(seed, [&] { AYAR_LAUNCH(shuffle_in_a_branch, dim3(1), dim3(32), nullptr, out); });
}
int shared_sum(float* out, bool with_barrier, uint64_t seed) {
  return guarded(seed, [&] { AYAR_LAUNCH(sum_through_shared, dim3(1), dim3(64), nullptr, out, with_barrier); });
}
}
