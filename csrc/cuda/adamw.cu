#include "cuda/adamw.cuh"
#include "cuda/block_sum.cuh"
#include "cuda/device.cuh"

namespace ayar::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kStateBlock = 256;  // of the 8-bit moments: one element a thread

struct Settings {
  float learning_rate, beta1, beta2, eps, weight_decay, correction1, correction2;
};

__device__ inline Settings read(const float* settings) {
  return {settings[0], settings[1], settings[2], settings[3], settings[4], settings[5], settings[6]};
}

__device__ inline float updated(float parameter, float exp_avg, float exp_avg_sq, const Settings& s) {
  const float denominator = sqrtf(exp_avg_sq / s.correction2) + s.eps;
  return parameter * (1 - s.learning_rate * s.weight_decay) - s.learning_rate / s.correction1 * exp_avg / denominator;
}

// The last border that begins at or before the element.
__device__ inline int border_of(const BorderCopy* borders, int count, int64_t element) {
  int low = 0, high = count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (borders[middle].offset <= element ? low : high) = middle;
  }
  return low;
}

__global__ void adamw_kernel(float* __restrict__ parameter, const float* __restrict__ gradient, float* __restrict__ exp_avg,
                             float* __restrict__ exp_avg_sq, int64_t count, const float* __restrict__ settings,
                             const float* __restrict__ clip, const BorderCopy* __restrict__ borders, int border_count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const Settings s = read(settings);
  const float g = gradient[i] * (clip != nullptr ? *clip : 1.0F);
  const float m = s.beta1 * exp_avg[i] + (1 - s.beta1) * g;
  const float v = s.beta2 * exp_avg_sq[i] + (1 - s.beta2) * g * g;
  const float p = updated(parameter[i], m, v, s);
  exp_avg[i] = m;
  exp_avg_sq[i] = v;
  parameter[i] = p;
  if (border_count == 0) return;
  const BorderCopy border = borders[border_of(borders, border_count, i)];
  const int64_t within = i - border.offset;
  if (border.target == nullptr || within < 0 || within >= border.rows * border.cols) return;
  border.target[within / border.cols * border.stride + within % border.cols] =
      static_cast<uint16_t>(pack_bfloat16(p * border.scale, 0.0F) & 0xFFFF);
}

// The index of the table's entry nearest to x; of two as near, the lower one.
__device__ inline uint8_t nearest(const float* table, float x) {
  int low = 0, high = 255;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table[middle] <= x ? low : high) = middle;
  }
  return static_cast<uint8_t>(x - table[low] <= table[high] - x ? low : high);
}

__global__ void adamw_8bit_kernel(float* __restrict__ parameter, const float* __restrict__ gradient, uint8_t* __restrict__ exp_avg,
                                  uint8_t* __restrict__ exp_avg_sq, float* __restrict__ absmax_avg, float* __restrict__ absmax_sq,
                                  const float* __restrict__ signed_table, const float* __restrict__ unsigned_table, int64_t count,
                                  const float* __restrict__ settings, const float* __restrict__ clip) {
  AYAR_SHARED(float, table_avg, 256);
  AYAR_SHARED(float, table_sq, 256);
  table_avg[threadIdx.x] = signed_table[threadIdx.x];
  table_sq[threadIdx.x] = unsigned_table[threadIdx.x];
  __syncthreads();
  const int64_t block = blockIdx.x;
  const int64_t i = block * kStateBlock + threadIdx.x;
  const bool inside = i < count;  // threads outside still take part in the maxima
  const Settings s = read(settings);
  float m = 0, v = 0;
  if (inside) {
    const float g = gradient[i] * (clip != nullptr ? *clip : 1.0F);
    m = s.beta1 * (table_avg[exp_avg[i]] * absmax_avg[block]) + (1 - s.beta1) * g;
    v = s.beta2 * (table_sq[exp_avg_sq[i]] * absmax_sq[block]) + (1 - s.beta2) * g * g;
    parameter[i] = updated(parameter[i], m, v, s);
  }
  const float largest_m = block_max<kThreads>(fabsf(m));
  const float largest_v = block_max<kThreads>(v);
  if (inside) {
    exp_avg[i] = nearest(table_avg, largest_m > 0 ? m / largest_m : 0.0F);
    exp_avg_sq[i] = nearest(table_sq, largest_v > 0 ? v / largest_v : 0.0F);
  }
  if (threadIdx.x == 0) {
    absmax_avg[block] = largest_m;
    absmax_sq[block] = largest_v;
  }
}

__global__ void square_sum_kernel(const float* __restrict__ gradient, int64_t count, double* __restrict__ partial) {
  double sum = 0;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += static_cast<int64_t>(kNormBlocks) * kThreads) {
    sum += static_cast<double>(gradient[i]) * gradient[i];
  }
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void clip_kernel(const double* __restrict__ partial, float max_norm, float* __restrict__ norm, float* __restrict__ clip) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < kNormBlocks; i += kThreads) sum += partial[i];
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x != 0) return;
  const auto length = static_cast<float>(sqrt(sum));
  *norm = length;
  *clip = fminf(1.0F, max_norm / (length + 1e-6F));
}

unsigned blocks_for(int64_t count) {
  return static_cast<unsigned>((count + kThreads - 1) / kThreads);
}

}  // namespace

void adamw(float* parameter, const float* gradient, float* exp_avg, float* exp_avg_sq, int64_t count, const float* settings,
           const float* clip, const BorderCopy* borders, int border_count, [[maybe_unused]] void* stream) {
  if (count == 0) return;
  AYAR_LAUNCH(adamw_kernel, dim3(blocks_for(count)), dim3(kThreads), static_cast<cudaStream_t>(stream), parameter, gradient, exp_avg,
              exp_avg_sq, count, settings, clip, borders, border_count);
}

void adamw_8bit(float* parameter, const float* gradient, uint8_t* exp_avg, uint8_t* exp_avg_sq, float* absmax_avg, float* absmax_sq,
                const float* signed_table, const float* unsigned_table, int64_t count, const float* settings, const float* clip,
                [[maybe_unused]] void* stream) {
  if (count == 0) return;
  AYAR_LAUNCH(adamw_8bit_kernel, dim3(blocks_for(count)), dim3(kThreads), static_cast<cudaStream_t>(stream), parameter, gradient, exp_avg,
              exp_avg_sq, absmax_avg, absmax_sq, signed_table, unsigned_table, count, settings, clip);
}

void gradient_norm(const float* gradient, int64_t count, float max_norm, double* partial, float* norm, float* clip,
                   [[maybe_unused]] void* stream) {
  AYAR_LAUNCH(square_sum_kernel, dim3(kNormBlocks), dim3(kThreads), static_cast<cudaStream_t>(stream), gradient, count, partial);
  AYAR_LAUNCH(clip_kernel, dim3(1), dim3(kThreads), static_cast<cudaStream_t>(stream), partial, max_norm, norm, clip);
}

}  // namespace ayar::cuda
