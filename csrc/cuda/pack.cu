#include "cuda/block_sum.cuh"
#include "cuda/device.cuh"
#include "cuda/pack.cuh"

namespace ayar::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int64_t kIgnored = -100;

__global__ void running_sums_kernel(const int32_t* __restrict__ lengths, int32_t* __restrict__ cu_seqlens, int64_t count) {
  int64_t before = 0;
  for (int64_t first = 0; first < count; first += kThreads) {
    const int64_t i = first + threadIdx.x;
    const int64_t length = i < count ? lengths[i] : 0;
    int64_t total = 0;
    const int64_t earlier = block_prefix_sum<kThreads>(length, total);
    if (i < count) cu_seqlens[i + 1] = static_cast<int32_t>(before + earlier + length);
    before += total;
  }
  if (threadIdx.x == 0) cu_seqlens[0] = 0;
}

// One block a row of the pack.
__global__ void pack_rows_kernel(const int32_t* __restrict__ tokens, const uint8_t* __restrict__ is_trained,
                                 const int64_t* __restrict__ starts, const int32_t* __restrict__ rows,
                                 const int32_t* __restrict__ cu_seqlens, int32_t* __restrict__ input_ids,
                                 int32_t* __restrict__ position_ids, int64_t* __restrict__ labels) {
  const int32_t begin = cu_seqlens[blockIdx.x];
  const int32_t length = cu_seqlens[blockIdx.x + 1] - begin;
  const int64_t source = starts[rows[blockIdx.x]];
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < length; i += kThreads) {
    input_ids[begin + i] = tokens[source + i];
    position_ids[begin + i] = i;
    const bool is_last = i + 1 == length;
    labels[begin + i] = !is_last && is_trained[source + i + 1] != 0 ? tokens[source + i + 1] : kIgnored;
  }
}

}  // namespace

void running_sums(const int32_t* lengths, int32_t* cu_seqlens, int64_t count, [[maybe_unused]] void* stream) {
  AYAR_LAUNCH(running_sums_kernel, dim3(1), dim3(kThreads), static_cast<cudaStream_t>(stream), lengths, cu_seqlens, count);
}

void pack_rows(const int32_t* tokens, const uint8_t* is_trained, const int64_t* starts, const int32_t* rows, const int32_t* cu_seqlens,
               int64_t count, int32_t* input_ids, int32_t* position_ids, int64_t* labels, [[maybe_unused]] void* stream) {
  if (count == 0) return;
  AYAR_LAUNCH(pack_rows_kernel, dim3(static_cast<unsigned>(count)), dim3(kThreads), static_cast<cudaStream_t>(stream), tokens, is_trained,
              starts, rows, cu_seqlens, input_ids, position_ids, labels);
}

}  // namespace ayar::cuda
