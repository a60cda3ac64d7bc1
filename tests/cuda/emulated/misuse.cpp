// Kernels that are wrong on purpose: what the emulation must find. And which of the right ones have run.
#include "guarded.hpp"

namespace {
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
int divergent_barrier(uint64_t seed) {
  return guarded(seed, [&] { AYAR_LAUNCH(barrier_in_a_branch, dim3(1), dim3(32), nullptr); });
}
int divergent_shuffle(float* out, uint64_t seed) {
  return guarded(seed, [&] { AYAR_LAUNCH(shuffle_in_a_branch, dim3(1), dim3(32), nullptr, out); });
}
int shared_sum(float* out, bool with_barrier, uint64_t seed) {
  return guarded(seed, [&] { AYAR_LAUNCH(sum_through_shared, dim3(1), dim3(64), nullptr, out, with_barrier); });
}
const char* launched_kernels() {
  static std::string names;
  names.clear();
  for (const std::string& name : ayar::emulation::launched) names += name + "\n";
  return names.c_str();
}
}
