// A frozen weight in NF4 with double quantization (QLoRA, Dettmers et al. 2023, arXiv 2305.14314): 4.13 bits a weight.
//
// Each row of each matrix is cut into blocks of 64 weights; weight = kNf4Codebook[code] · absmax of its block. (Where K is a multiple of
// 64, as in all known models, these are the flat blocks of bitsandbytes.) The absmax of one matrix are quantized in turn: less their mean,
// in blocks of 256, to 8 bits:  absmax = map[code] · nested_absmax + offset.
// Codes lie as the panels of panels.hpp do, [panel][pair of steps][16 rows], the even step in the high nibble as bitsandbytes has it.
#pragma once

#include <vector>

#include "core/aligned_buffer.hpp"
#include "core/view.hpp"
#include "cpu/weight_source.hpp"

namespace ayar::cpu {

constexpr int64_t kNf4Block = 64;
extern const float kNf4Codebook[16];

class Nf4Weight {
 public:
  explicit Nf4Weight(const WeightSource& weights);

  int64_t out_features() const { return out_features_; }
  int64_t in_features() const { return in_features_; }
  int64_t bytes() const;
  // Weight (n, k), not rounded: for unpacking and tests.
  float at(int64_t n, int64_t k) const;

  // Codes of panel p: 16 bytes for each pair of steps; what lies outside of the matrix is zero.
  const uint8_t* codes(int64_t panel) const { return static_cast<const uint8_t*>(codes_.data()) + panel * panel_bytes(); }
  // absmax of block `block` in the 16 rows of a panel; 0 where there is no row.
  void absmax(int64_t panel, int64_t block, float* to) const;

 private:
  // One matrix of the stack.
  struct Part {
    int64_t row_begin, row_end;
    float offset;
    std::vector<float> nested_absmax;
  };

  int64_t blocks() const { return (in_features_ + kNf4Block - 1) / kNf4Block; }
  int64_t panel_bytes() const { return (in_features_ + 1) / 2 * 16; }
  float absmax_of(const Part& part, int64_t n, int64_t block) const;
  void quantize_row(const WeightSource& weights, int64_t n, float* row_absmax);
  Part nest_absmax(int64_t row_begin, int64_t row_end, const std::vector<float>& row_absmax);

  int64_t out_features_, in_features_;
  AlignedBuffer codes_;
  std::vector<uint8_t> absmax_codes_;  // [row][block]
  std::vector<Part> parts_;
};

}  // namespace ayar::cpu
