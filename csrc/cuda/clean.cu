#include "cuda/block_sum.cuh"
#include "cuda/clean.cuh"
#include "cuda/device.cuh"

namespace ayar::cuda {
namespace {

constexpr int kThreads = 128;
constexpr uint8_t kInvisible = 16, kJoiner = 128;  // of ayar::CodePointFlag
constexpr uint8_t kEscape = 0x1B;

struct Decoded {
  uint32_t code;
  int length;
  bool valid;
};

// As ayar::utf8::decode. Requires p < end.
__device__ inline Decoded decode(const uint8_t* p, const uint8_t* end) {
  const uint8_t lead = *p;
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xC2 || lead > 0xF4) return {0, 1, false};
  const int wanted = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (end - p < 2 || p[1] < low || p[1] > high) return {0, 1, false};
  uint32_t code = static_cast<uint32_t>(lead & (0x7F >> wanted)) << 6 | (p[1] & 0x3F);
  for (int i = 2; i < wanted; ++i) {
    if (end - p <= i || (p[i] & 0xC0) != 0x80) return {0, i, false};
    code = code << 6 | (p[i] & 0x3F);
  }
  return {code, wanted, true};
}

// Whether a character, or an ill-formed subpart, begins at p. Every byte that is no continuation does; a continuation does where the
// nearest byte before it that is none does not reach it.
__device__ inline bool begins_at(const uint8_t* begin, const uint8_t* p, const uint8_t* end) {
  if ((*p & 0xC0) != 0x80) return true;
  for (int back = 1; back <= 3 && p - back >= begin; ++back) {
    if ((p[-back] & 0xC0) != 0x80) return decode(p - back, end).length <= back;
  }
  return true;
}

// Bytes that the character at p becomes: 0 where it is dropped, or where none begins.
__device__ inline int written_length(const uint8_t* begin, const uint8_t* p, const uint8_t* end, const uint8_t* flags, bool keeps_all,
                                     bool& needs_cpu) {
  if (!begins_at(begin, p, end)) return 0;
  const Decoded next = decode(p, end);
  if (!next.valid) return 3;
  const uint8_t flag = flags[next.code];
  if (next.code == kEscape || (flag & kJoiner) != 0) needs_cpu = true;
  return (flag & kInvisible) != 0 && !keeps_all ? 0 : next.length;
}

// One block a row: how long the row becomes, and how long it would be with every character kept.
__global__ void clean_measure_kernel(const uint8_t* __restrict__ text, const int64_t* __restrict__ offsets,
                                     const uint8_t* __restrict__ flags, int64_t* __restrict__ lengths, uint8_t* __restrict__ needs_cpu) {
  const uint8_t* begin = text + offsets[blockIdx.x];
  const uint8_t* end = text + offsets[blockIdx.x + 1];
  int64_t cleaned = 0, repaired = 0, marks = 0;
  for (const uint8_t* p = begin + threadIdx.x; p < end; p += kThreads) {
    bool marked = false;
    cleaned += written_length(begin, p, end, flags, false, marked);
    repaired += written_length(begin, p, end, flags, true, marked);
    marks += marked ? 1 : 0;
  }
  cleaned = block_sum<kThreads>(cleaned);
  repaired = block_sum<kThreads>(repaired);
  marks = block_sum<kThreads>(marks);
  if (threadIdx.x != 0) return;
  lengths[blockIdx.x + 1] = marks > 0 ? repaired : cleaned;
  needs_cpu[blockIdx.x] = marks > 0 ? 1 : 0;
}

// In place: lengths at 1 .. rows become running sums, with a 0 before them. One block.
__global__ void clean_offsets_kernel(int64_t* offsets, int64_t rows) {
  int64_t before = 0;
  for (int64_t first = 1; first <= rows; first += kThreads) {
    const int64_t i = first + threadIdx.x;
    const int64_t length = i <= rows ? offsets[i] : 0;
    int64_t total = 0;
    const int64_t earlier = block_prefix_sum<kThreads>(length, total);
    if (i <= rows) offsets[i] = before + earlier + length;
    before += total;
  }
  if (threadIdx.x == 0) offsets[0] = 0;
}

__global__ void clean_write_kernel(const uint8_t* __restrict__ text, const int64_t* __restrict__ offsets, const uint8_t* __restrict__ flags,
                                   const int64_t* __restrict__ new_offsets, const uint8_t* __restrict__ needs_cpu,
                                   uint8_t* __restrict__ cleaned) {
  const uint8_t* begin = text + offsets[blockIdx.x];
  const uint8_t* end = text + offsets[blockIdx.x + 1];
  uint8_t* out = cleaned + new_offsets[blockIdx.x];
  const bool keeps_all = needs_cpu[blockIdx.x] != 0;
  for (const uint8_t* first = begin; first < end; first += kThreads) {
    const uint8_t* p = first + threadIdx.x;
    bool marked = false;
    const int length = p < end ? written_length(begin, p, end, flags, keeps_all, marked) : 0;
    int64_t total = 0;
    uint8_t* target = out + block_prefix_sum<kThreads>(length, total);
    if (length > 0 && !decode(p, end).valid) {
      target[0] = 0xEF;  // U+FFFD
      target[1] = 0xBF;
      target[2] = 0xBD;
    } else {
      for (int i = 0; i < length; ++i) target[i] = p[i];
    }
    out += total;
  }
}

}  // namespace

void clean_measure(const uint8_t* text, const int64_t* offsets, int64_t rows, const uint8_t* flags, int64_t* new_offsets,
                   uint8_t* needs_cpu, [[maybe_unused]] void* stream) {
  if (rows > 0) {
    AYAR_LAUNCH(clean_measure_kernel, dim3(static_cast<unsigned>(rows)), dim3(kThreads), static_cast<cudaStream_t>(stream), text, offsets,
                flags, new_offsets, needs_cpu);
  }
  AYAR_LAUNCH(clean_offsets_kernel, dim3(1), dim3(kThreads), static_cast<cudaStream_t>(stream), new_offsets, rows);
}

void clean_write(const uint8_t* text, const int64_t* offsets, int64_t rows, const uint8_t* flags, const int64_t* new_offsets,
                 const uint8_t* needs_cpu, uint8_t* cleaned, [[maybe_unused]] void* stream) {
  if (rows == 0) return;
  AYAR_LAUNCH(clean_write_kernel, dim3(static_cast<unsigned>(rows)), dim3(kThreads), static_cast<cudaStream_t>(stream), text, offsets,
              flags, new_offsets, needs_cpu, cleaned);
}

}  // namespace ayar::cuda
