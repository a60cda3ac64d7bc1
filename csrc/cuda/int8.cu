#include "cuda/block_sum.cuh"
#include "cuda/device.cuh"
#include "cuda/int8.cuh"

namespace ayar::cuda {
namespace {

constexpr int kThreads = 256;

// One block a row.
__global__ void int8_quantize_kernel(const float* __restrict__ value, int64_t stride, int8_t* __restrict__ code, float* __restrict__ absmax,
                                     int64_t cols) {
  const int64_t row = blockIdx.x;
  float largest = 0;
  for (int64_t col = threadIdx.x; col < cols; col += kThreads) largest = fmaxf(largest, fabsf(value[row * stride + col]));
  largest = block_max<kThreads>(largest);
  const float factor = largest > 0 ? 127.0F / largest : 0.0F;
  for (int64_t col = threadIdx.x; col < cols; col += kThreads) {
    code[row * cols + col] = static_cast<int8_t>(rintf(value[row * stride + col] * factor));
  }
  if (threadIdx.x == 0) absmax[row] = largest;
}

__device__ inline void store(float* target, float value) {
  *target = value;
}
__device__ inline void store(uint16_t* target, float value) {
  *target = static_cast<uint16_t>(pack_bfloat16(value, 0.0F) & 0xFFFF);
}

template <class T>
__global__ void int8_dequantize_kernel(const int8_t* __restrict__ code, const float* __restrict__ absmax, T* __restrict__ value,
                                       int64_t stride, int64_t cols) {
  const int64_t row = blockIdx.y;
  const int64_t col = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
  if (col >= cols) return;
  const float scale = absmax[row] / 127.0F;
  const int8_t* source = code + row * cols + col;
  T* target = value + row * stride + col;
  if (cols % 4 == 0) {
    const uint32_t four = *reinterpret_cast<const uint32_t*>(source);
#pragma unroll
    for (int i = 0; i < 4; ++i) store(target + i, static_cast<float>(static_cast<int8_t>(four >> (8 * i))) * scale);
    return;
  }
  for (int i = 0; i < 4 && col + i < cols; ++i) store(target + i, static_cast<float>(source[i]) * scale);
}

template <class T>
void launch_dequantize(const int8_t* code, const float* absmax, T* value, int64_t stride, int64_t rows, int64_t cols,
                       [[maybe_unused]] void* stream) {
  constexpr int64_t kMostRows = 65535;  // of a grid's second axis
  const auto blocks = static_cast<unsigned>((cols + 4 * kThreads - 1) / (4 * kThreads));
  for (int64_t first = 0; first < rows && blocks > 0; first += kMostRows) {
    const auto count = static_cast<unsigned>(rows - first < kMostRows ? rows - first : kMostRows);
    AYAR_LAUNCH(int8_dequantize_kernel, dim3(blocks, count), dim3(kThreads), static_cast<cudaStream_t>(stream), code + first * cols,
                absmax + first, value + first * stride, stride, cols);
  }
}

}  // namespace

void int8_quantize(const float* value, int64_t stride, int8_t* code, float* absmax, int64_t rows, int64_t cols,
                   [[maybe_unused]] void* stream) {
  if (rows == 0) return;
  AYAR_LAUNCH(int8_quantize_kernel, dim3(static_cast<unsigned>(rows)), dim3(kThreads), static_cast<cudaStream_t>(stream), value, stride,
              code, absmax, cols);
}

void int8_dequantize(const int8_t* code, const float* absmax, float* value, int64_t stride, int64_t rows, int64_t cols, void* stream) {
  launch_dequantize(code, absmax, value, stride, rows, cols, stream);
}

void int8_dequantize(const int8_t* code, const float* absmax, uint16_t* value, int64_t stride, int64_t rows, int64_t cols, void* stream) {
  launch_dequantize(code, absmax, value, stride, rows, cols, stream);
}

}  // namespace ayar::cuda
