// Sums over the threads of a block in a fixed order: the same bits every time.
#pragma once

#include "cuda/device.cuh"

namespace ayar::cuda {

// The sum over a block of kThreads threads, in every thread. All threads must call it.
template <int kThreads, class T>
__device__ T block_sum(T value) {
  AYAR_SHARED(T, sums, kThreads / 32);
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xFFFFFFFFU, value, distance);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  T total = 0;
#pragma unroll
  for (int warp = 0; warp < kThreads / 32; ++warp) total += sums[warp];
  __syncthreads();  // the sums may be written again
  return total;
}

// The largest value of a block, in every thread. All threads must call it.
template <int kThreads>
__device__ float block_max(float value) {
  AYAR_SHARED(float, largest, kThreads / 32);
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFU, value, distance));
  if (threadIdx.x % 32 == 0) largest[threadIdx.x / 32] = value;
  __syncthreads();
  float all = largest[0];
#pragma unroll
  for (int warp = 1; warp < kThreads / 32; ++warp) all = fmaxf(all, largest[warp]);
  __syncthreads();
  return all;
}

// Σ of the values of the threads before this one; `total` becomes the sum of all. All threads must call it.
template <int kThreads>
__device__ int64_t block_prefix_sum(int64_t value, int64_t& total) {
  AYAR_SHARED(int64_t, sums, kThreads / 32);
  const unsigned lane = threadIdx.x % 32;
  int64_t inclusive = value;
#pragma unroll
  for (unsigned distance = 1; distance < 32; distance *= 2) {
    const int64_t before = __shfl_up_sync(0xFFFFFFFFU, inclusive, distance);
    if (lane >= distance) inclusive += before;
  }
  if (lane == 31) sums[threadIdx.x / 32] = inclusive;
  __syncthreads();
  int64_t earlier = 0;
  total = 0;
#pragma unroll
  for (unsigned warp = 0; warp < kThreads / 32; ++warp) {
    if (warp < threadIdx.x / 32) earlier += sums[warp];
    total += sums[warp];
  }
  __syncthreads();
  return earlier + inclusive - value;
}

}  // namespace ayar::cuda
