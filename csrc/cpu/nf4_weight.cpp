#include "cpu/nf4_weight.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/thread_pool.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu {

// The quantiles of the paper, rounded to fp32 as every NF4 checkpoint in circulation has them.
const float kNf4Codebook[16] = {-1.0F,
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

namespace {

constexpr int64_t kNestedBlock = 256;
constexpr uint8_t kZeroCode = 7;

// Places between neighbouring values: a value takes the code of the number of places below it.
template <size_t SIZE>
std::array<float, SIZE - 1> midpoints(const float* values) {
  std::array<float, SIZE - 1> found{};
  for (size_t i = 0; i + 1 < SIZE; ++i) found[i] = (values[i] + values[i + 1]) * 0.5F;
  return found;
}

// The signed 8-bit map of Dettmers et al. 2022 (arXiv 2110.02861): ± 10^(i − 6) · the middles of 2^i equal parts of [0.1, 1], 0 and 1.
std::array<float, 256> dynamic_map() {
  std::array<float, 256> map{};
  size_t count = 0;
  for (int i = 0; i < 7; ++i) {
    const int parts = 1 << i;
    for (int j = 0; j < parts; ++j) {
      const auto value = static_cast<float>(std::pow(10.0, i - 6) * (0.1 + 0.9 * (j + 0.5) / parts));
      map[count++] = value;
      map[count++] = -value;
    }
  }
  map[count++] = 0.0F;
  map[count] = 1.0F;
  std::sort(map.begin(), map.end());
  return map;
}

const std::array<float, 256>& absmax_map() {
  static const std::array<float, 256> map = dynamic_map();
  return map;
}

uint8_t nearest_nf4(float x, const std::array<float, 15>& places) {
  int code = 0;
  for (const float place : places) code += x > place;  // no branches: 15 comparisons run side by side
  return static_cast<uint8_t>(code);
}

}  // namespace

Nf4Weight::Nf4Weight(const WeightSource& weights) : out_features_(weights.rows()), in_features_(weights.cols()) {
  codes_ = AlignedBuffer(static_cast<size_t>(panel_count(out_features_) * panel_bytes()));
  auto* codes = static_cast<uint8_t*>(codes_.data());
  std::fill(codes, codes + codes_.size(), static_cast<uint8_t>(kZeroCode << 4 | kZeroCode));
  std::vector<float> row_absmax(static_cast<size_t>(out_features_ * blocks()));
  parallel_rows(out_features_, [&](int64_t n) { quantize_row(weights, n, row_absmax.data() + n * blocks()); });
  absmax_codes_.resize(row_absmax.size());
  int64_t row = 0;
  for (const int64_t rows : weights.part_rows()) {
    parts_.push_back(nest_absmax(row, row + rows, row_absmax));
    row += rows;
  }
}

void Nf4Weight::quantize_row(const WeightSource& weights, int64_t n, float* row_absmax) {
  static const auto places = midpoints<16>(kNf4Codebook);
  uint8_t* codes = static_cast<uint8_t*>(codes_.data()) + n / kPanelCols * panel_bytes() + n % kPanelCols;
  for (int64_t begin = 0; begin < in_features_; begin += kNf4Block) {
    const int64_t end = std::min(in_features_, begin + kNf4Block);
    float value[kNf4Block] = {};
    float largest = 0;
    for (int64_t k = begin; k < end; ++k) {
      value[k - begin] = weights.at(n, k);
      largest = std::max(largest, std::fabs(value[k - begin]));
    }
    *row_absmax++ = largest;
    const float reciprocal = largest > 0 ? 1 / largest : 0.0F;
    for (int64_t k = begin; k < end; k += 2) {
      const uint8_t even = nearest_nf4(value[k - begin] * reciprocal, places);
      const uint8_t odd = nearest_nf4(value[k + 1 - begin] * reciprocal, places);  // behind an odd K lies the zero of `value`
      codes[k / 2 * kPanelCols] = static_cast<uint8_t>(even << 4 | odd);
    }
  }
}

Nf4Weight::Part Nf4Weight::nest_absmax(int64_t row_begin, int64_t row_end, const std::vector<float>& row_absmax) {
  static const auto places = midpoints<256>(absmax_map().data());
  const float* absmax = row_absmax.data() + row_begin * blocks();
  uint8_t* codes = absmax_codes_.data() + row_begin * blocks();
  const int64_t count = (row_end - row_begin) * blocks();
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(absmax[i]);
  Part part{row_begin, row_end, count == 0 ? 0.0F : static_cast<float>(sum / static_cast<double>(count)), {}};
  for (int64_t begin = 0; begin < count; begin += kNestedBlock) {
    const int64_t end = std::min(count, begin + kNestedBlock);
    float largest = 0;
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, std::fabs(absmax[i] - part.offset));
    const float reciprocal = largest > 0 ? 1 / largest : 0.0F;
    for (int64_t i = begin; i < end; ++i) {
      const float scaled = (absmax[i] - part.offset) * reciprocal;
      codes[i] = static_cast<uint8_t>(std::lower_bound(places.begin(), places.end(), scaled) - places.begin());
    }
    part.nested_absmax.push_back(largest);
  }
  return part;
}

int64_t Nf4Weight::bytes() const {
  size_t total = codes_.size() + absmax_codes_.size();
  for (const Part& part : parts_) total += part.nested_absmax.size() * sizeof(float);
  return static_cast<int64_t>(total);
}

float Nf4Weight::absmax_of(const Part& part, int64_t n, int64_t block) const {
  const int64_t index = (n - part.row_begin) * blocks() + block;
  const uint8_t code = absmax_codes_[static_cast<size_t>(n * blocks() + block)];
  return absmax_map()[code] * part.nested_absmax[static_cast<size_t>(index / kNestedBlock)] + part.offset;
}

void Nf4Weight::absmax(int64_t panel, int64_t block, float* to) const {
  const int64_t first = panel * kPanelCols;
  for (int64_t c = 0; c < kPanelCols; ++c) to[c] = 0;
  for (const Part& part : parts_) {
    const int64_t end = std::min(part.row_end, first + kPanelCols);
    for (int64_t n = std::max(part.row_begin, first); n < end; ++n) to[n - first] = absmax_of(part, n, block);
  }
}

float Nf4Weight::at(int64_t n, int64_t k) const {
  float scale[kPanelCols];
  absmax(n / kPanelCols, k / kNf4Block, scale);
  const uint8_t pair = codes(n / kPanelCols)[k / 2 * kPanelCols + n % kPanelCols];
  return kNf4Codebook[k % 2 == 0 ? pair >> 4 : pair & 15] * scale[n % kPanelCols];
}

}  // namespace ayar::cpu
