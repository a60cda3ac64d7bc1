// LoRA dropout: what a mask of each adapter's own changes in the products.
#pragma once

#include "core/scratch.hpp"
#include "cpu/dropout_mask.hpp"
#include "cpu/frozen_product.hpp"
#include "cpu/gemm.hpp"
#include "cpu/gemm_blocks.hpp"
#include "cpu/lora_borders.hpp"
#include "cpu/outer_sum.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kKeptRows = 256;  // copied at a time; even, so that pairs of rows stay together

// The masks of one op, for the time of a call.
struct Masks {
  const uint16_t* bits = nullptr;
  int64_t rows = 0, words = 0;  // words: of a row

  AYAR_INLINE bool is_on() const { return bits != nullptr; }
  AYAR_INLINE Masks of(int64_t adapter) const { return {bits + adapter * rows * words, rows, words}; }
  AYAR_INLINE const uint16_t* row(int64_t m) const { return bits + m * words; }
};

// None where no adapter drops anything.
Masks make_masks(ListOf<Adapter> adapters, int64_t rows, int64_t cols) {
  bool is_on = false;
  for (int64_t i = 0; i < adapters.count; ++i) is_on |= adapters.items[i].dropout.is_on();
  if (!is_on || rows * cols == 0) return {};
  const int64_t words = mask_words(cols);
  auto* bits = scratch<uint16_t>(Scratch::masks, adapters.count * rows * words);
  for (int64_t i = 0; i < adapters.count; ++i) {
    const Dropout& dropout = adapters.items[i].dropout;
    const PhiloxKeys keys(dropout.key);
    parallel_rows(rows, [&](int64_t m) { mask_row(dropout, keys, m, cols, bits + (i * rows + m) * words); });
  }
  return {bits, rows, words};
}

// u of the task's rows, each adapter with what its mask keeps of x. down: from pack_down_apart.
template <class T>
void multiply_kept(const View& x, const GemmTask& task, const Masks& masks, ListOf<Adapter> adapters, const T* down, const View& u_block) {
  const int64_t rows = task.row_end - task.row_begin, depth = x.cols();
  T* kept = scratch<T>(Scratch::masked_rows, rows * depth);
  each_adapter(adapters, [&](const Adapter& adapter, int64_t i, int64_t offset) {
    for (int64_t m = 0; m < rows; ++m) {
      copy_kept(x.row<T>(task.row_begin + m), masks.of(i).row(task.row_begin + m), depth, kept + m * depth);
    }
    const Factor factor{kept, depth, down, depth};
    const int64_t rank_panels = panel_count(rank_of(adapter));
    const View u_columns(u_block.row<float>(0) + offset, rows, padded_rank(adapter), u_block.row_stride(), DType::float32);
    multiply_block(DTypeOf<T>::value, &factor, 1, 0, rank_panels, nullptr, u_columns);
    down += rank_panels * panel_size(depth);
  });
}

// sums = Σ over adapters of mask ⊙ (v · A) for the panels of `sums`, the first of which is `first_panel`. border: v and A of these.
void sum_kept(const Factor& border, DType dtype, ListOf<Adapter> adapters, const Masks& masks, int64_t first_row, int64_t first_panel,
              const View& sums) {
  for (int64_t m = 0; m < sums.rows(); ++m) {
    for (int64_t c = 0; c < sums.cols(); ++c) sums.row<float>(m)[c] = 0;
  }
  const View products(scratch<float>(Scratch::block_product, sums.rows() * sums.cols()), sums.rows(), sums.cols(), sums.cols(),
                      DType::float32);
  const int64_t panels = panel_count(sums.cols());
  each_adapter(adapters, [&](const Adapter& adapter, int64_t i, int64_t offset) {
    DepthRange own[kMaxSumsPanels];
    for (DepthRange& range : own) range = {offset, offset + padded_rank(adapter)};
    Factor factor = border;
    factor.ranges = own;
    multiply_block(dtype, &factor, 1, 0, panels, nullptr, products);
    for (int64_t m = 0; m < sums.rows(); ++m) {
      add_kept(products.row<float>(m), masks.of(i).row(first_row + m) + first_panel, sums.cols(), sums.row<float>(m));
    }
  });
}

// vᵀ · (mask ⊙ x) for one adapter and the columns [first, first + cols); first: a multiple of 16.
template <class E, class T>
const float* outer_sum_kept(const LowRank<E>& v, int64_t offset, int64_t rank, const T* x, int64_t x_stride, int64_t rows,
                            const Masks& masks, int64_t first, int64_t cols) {
  T* kept = scratch<T>(Scratch::masked_rows, kKeptRows * cols);
  const float* sums = nullptr;
  for (int64_t begin = 0; begin == 0 || begin < rows; begin += kKeptRows) {
    const int64_t count = std::min(kKeptRows, rows - begin);
    for (int64_t m = 0; m < count; ++m) {
      copy_kept(x + (begin + m) * x_stride + first, masks.row(begin + m) + first / 16, cols, kept + m * cols);
    }
    const E* a = v.data + begin / kDepthOfStep<E> * v.stride + offset * kDepthOfStep<E>;
    sums = outer_sum(a, v.stride, rank, kept, cols, count, cols, begin != 0);
  }
  return sums;
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
