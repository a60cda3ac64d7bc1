#include "cuda/device.cuh"
#include "cuda/nf4.cuh"

namespace ayar::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kPerThread = 8;  // 4 bytes of codes in, one or two 16-byte stores out; the stores of a warp are contiguous

// The quantiles of the paper, rounded to fp32 as every NF4 checkpoint in circulation has them.
__constant__ float kCodebook[16] = {-1.0F,
                                    -0.6961928009986877F,
                                    -0.5250730514526367F,
                                    -0.39491748809814453F,
                                    -0.28444138169288635F,
                                    -0.18477343022823334F,
                                    -0.09105003625154495F,
                                    0.0F,
                                    0.07958029955625534F,
                                    0.16093020141124725F,
                                    0.24611230194568634F,
                                    0.33791524171829224F,
                                    0.44070982933044434F,
                                    0.5626170039176941F,
                                    0.7229568362236023F,
                                    1.0F};

__device__ inline void store8(float* target, const float* value) {
  reinterpret_cast<float4*>(target)[0] = float4{value[0], value[1], value[2], value[3]};
  reinterpret_cast<float4*>(target)[1] = float4{value[4], value[5], value[6], value[7]};
}

__device__ inline void store8(uint16_t* target, const float* value) {
  *reinterpret_cast<uint4*>(target) = uint4{pack_bfloat16(value[0], value[1]), pack_bfloat16(value[2], value[3]),
                                            pack_bfloat16(value[4], value[5]), pack_bfloat16(value[6], value[7])};
}

template <class T>
__global__ void nf4_dequantize_kernel(const uint8_t* __restrict__ code, const float* __restrict__ absmax, T* __restrict__ value,
                                      int64_t count, int64_t cols, int64_t stride) {
  AYAR_SHARED(float, table, 16);  // constant memory serves one address at a time, 16 banks serve 16
  if (threadIdx.x < 16) table[threadIdx.x] = kCodebook[threadIdx.x];
  __syncthreads();
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kPerThread;
  if (first >= count) return;
  const uint32_t packed = *reinterpret_cast<const uint32_t*>(code + first / 2);
  const float scale = absmax[first / kNf4Block];
  float values[kPerThread];
#pragma unroll
  for (int byte = 0; byte < kPerThread / 2; ++byte) {
    values[2 * byte] = scale * table[(packed >> (8 * byte + 4)) & 15];
    values[2 * byte + 1] = scale * table[(packed >> (8 * byte)) & 15];
  }
  store8(value + first / cols * stride + first % cols, values);
}

// The number of midpoints below x is the code of the nearest entry.
__device__ inline uint32_t nearest_code(float x) {
  uint32_t code = 0;
#pragma unroll
  for (int i = 0; i < 15; ++i) code += x > (kCodebook[i] + kCodebook[i + 1]) * 0.5F ? 1 : 0;
  return code;
}

// One warp a block of 64: lane l has elements 2l and 2l + 1, which share a byte.
__global__ void nf4_quantize_kernel(const float* __restrict__ value, uint8_t* __restrict__ code, float* __restrict__ absmax,
                                    int64_t blocks) {
  const int64_t block = static_cast<int64_t>(blockIdx.x) * (kThreads / 32) + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  const bool inside = block < blocks;  // a lane outside still takes part in the shuffles
  const float first = inside ? value[block * kNf4Block + 2 * lane] : 0.0F;
  const float second = inside ? value[block * kNf4Block + 2 * lane + 1] : 0.0F;
  float largest = fmaxf(fabsf(first), fabsf(second));
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFU, largest, distance));
  if (!inside) return;
  const float reciprocal = largest > 0 ? 1.0F / largest : 0.0F;
  code[block * (kNf4Block / 2) + lane] = static_cast<uint8_t>(nearest_code(first * reciprocal) << 4 | nearest_code(second * reciprocal));
  if (lane == 0) absmax[block] = largest;
}

template <class T>
void launch_dequantize(const uint8_t* code, const float* absmax, T* value, int64_t count, int64_t cols, int64_t stride,
                       [[maybe_unused]] void* stream) {
  const int64_t blocks = (count + kThreads * kPerThread - 1) / (kThreads * kPerThread);
  if (blocks == 0) return;
  AYAR_LAUNCH(nf4_dequantize_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), static_cast<cudaStream_t>(stream), code, absmax,
              value, count, cols, stride);
}

}  // namespace

void nf4_dequantize(const uint8_t* code, const float* absmax, float* value, int64_t count, int64_t cols, int64_t stride, void* stream) {
  launch_dequantize(code, absmax, value, count, cols, stride, stream);
}

void nf4_dequantize(const uint8_t* code, const float* absmax, uint16_t* value, int64_t count, int64_t cols, int64_t stride, void* stream) {
  launch_dequantize(code, absmax, value, count, cols, stride, stream);
}

void nf4_quantize(const float* value, uint8_t* code, float* absmax, int64_t count, [[maybe_unused]] void* stream) {
  const int64_t blocks = count / kNf4Block;
  if (blocks == 0) return;
  const int64_t grid = (blocks + kThreads / 32 - 1) / (kThreads / 32);
  AYAR_LAUNCH(nf4_quantize_kernel, dim3(static_cast<unsigned>(grid)), dim3(kThreads), static_cast<cudaStream_t>(stream), value, code,
              absmax, blocks);
}

}  // namespace ayar::cuda
