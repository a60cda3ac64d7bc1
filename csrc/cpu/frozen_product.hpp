// Blocks of y = x Wᵀ or dx = dy W beside an adapter's border, however the frozen weight is kept.
//
// In full and in int8 its panels are there, for dx to be turned. NF4 becomes panels a chunk at a time, in memory that all threads share and
// that stays in cache: a chunk is made once for all rows. int8 multiplies as such, into fp32 sums with which the border's product begins.
#pragma once

#include "core/scratch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/gemm_blocks.hpp"
#include "cpu/int8_product.hpp"
#include "cpu/lanes.hpp"
#include "cpu/nf4_panels.hpp"
#include "cpu/turned_codes.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kChunkBytes = 2 << 20;  // of dequantized panels
constexpr int64_t kChunkPanels = 8;       // a chunk is a multiple of this: whole blocks of NF4, whole tiles
constexpr int64_t kMaxSumsPanels = 16;
constexpr int64_t kSumsBytes = 128 << 10;  // of fp32 sums for a block of rows: they stay in the second-level cache

enum class Direction : uint8_t { forward, backward };

// Panels [first, first + count) of the frozen weight.
struct FrozenChunk {
  int64_t first, count;
  const void* panels;  // of panel `first`: as panels.hpp, or as int8_weight.hpp
};

class FrozenProduct {
 public:
  FrozenProduct(const PackedWeight& weight, Direction direction)
      : weight_(weight),
        is_forward_(direction == Direction::forward),
        depth_(is_forward_ ? weight.in_features() : weight.out_features()),
        cols_(is_forward_ ? weight.out_features() : weight.in_features()) {}

  // Calls body(chunk) one after the other, outside of any parallel region, until all panels have been there.
  template <class T, class Body>
  void each_chunk(const Body& body) const {
    const int64_t panels = panel_count(cols_);
    if (weight_.nf4() == nullptr) {
      body(FrozenChunk{0, panels, kept_panels()});
      return;
    }
    const int64_t panel_bytes = panel_size(depth_) * static_cast<int64_t>(sizeof(T));
    const int64_t fitting = kChunkBytes / std::max<int64_t>(panel_bytes, 1) / kChunkPanels * kChunkPanels;
    const int64_t count = std::min(std::max(fitting, kChunkPanels), round_up(panels, kChunkPanels));
    T* made = scratch<T>(Scratch::frozen_panels, count * panel_size(depth_));
    for (int64_t first = 0; first < panels; first += count) {
      const int64_t end = std::min(panels, first + count);
      parallel_ranges(end - first, kNf4Block / kPanelCols, [&](int64_t from, int64_t to, int) {
        const auto dequantize = is_forward_ ? dequantize_rows : dequantize_columns;
        dequantize(*weight_.nf4(), weight_.dtype(), first + from, first + to, made + from * panel_size(depth_));
      });
      body(FrozenChunk{first, end - first, made});
    }
  }

  // The task's part of y += x · chunk + border, with bias. x, y: whole. border: rows of the task's block, panels and ranges of all of y.
  // begin(first_panel, sums): writes what the sums begin with, for the panels of `sums`; called only where `begins`.
  template <class T, class Begin>
  void multiply(const FrozenChunk& chunk, const GemmTask& task, const View& x, const Factor& border, const View& y, bool begins,
                const Begin& begin) const {
    const View rows = x.rows_from(task.row_begin, task.row_end), out = y.rows_from(task.row_begin, task.row_end);
    const bool is_int8 = weight_.int8() != nullptr;
    const bool is_turned = !is_forward_ && weight_.storage() == Storage::full;
    const Factor frozen{rows.template row<T>(0), rows.row_stride(), chunk.panels, depth_, nullptr, is_turned ? weight_.in_features() : 0};
    if (!is_int8 && !begins) {
      finish<T>(&frozen, border, chunk.first, task.panel_begin, task.panel_end, out, View());
      return;
    }
    QuantizedRows quantized{};
    if (is_int8) quantized = quantize_rows(rows, is_forward_ ? nullptr : weight_.int8()->scales());
    const int64_t fitting = kSumsBytes / std::max<int64_t>(rows.rows() * kPanelCols * 4, 1) / kTilePanels * kTilePanels;
    const int64_t step = std::clamp<int64_t>(fitting, kTilePanels, kMaxSumsPanels);
    auto* memory = scratch<float>(Scratch::block_sums, rows.rows() * step * kPanelCols);
    for (int64_t panel = task.panel_begin; panel < task.panel_end; panel += step) {
      const int64_t count = std::min(step, task.panel_end - panel), first = chunk.first + panel;
      const View sums(memory, rows.rows(), count * kPanelCols, step * kPanelCols, DType::float32);
      if (begins) begin(first, sums);
      if (is_int8) {
        const float* scales = is_forward_ ? weight_.int8()->scales() + first * kPanelCols : nullptr;
        multiply_int8(quantized, code_panels(panel, count), depth_, scales, begins, sums);
      }
      finish<T>(is_int8 ? nullptr : &frozen, border, chunk.first, panel, panel + count, out, sums);
    }
  }

 private:
  const void* kept_panels() const {
    if (weight_.int8() != nullptr) return weight_.int8()->panels();
    return weight_.panels();
  }

  // Of int8, as this direction multiplies them; valid until this thread asks for others.
  const uint8_t* code_panels(int64_t panel, int64_t count) const {
    const uint8_t* stored = weight_.int8()->panels();
    if (is_forward_) return stored + panel * int8_panel_size(depth_);
    auto* turned = scratch<uint8_t>(Scratch::turned_panels, count * int8_panel_size(depth_));
    turn_code_panels(stored, cols_, depth_, panel, count, turned);
    return turned;
  }

  // Panels [begin, end), counted from panel `origin` of y, where those of `frozen` begin. frozen: or null. start: of these panels; or
  // empty.
  template <class T>
  void finish(const Factor* frozen, Factor border, int64_t origin, int64_t begin, int64_t end, const View& out, const View& start) const {
    Factor factors[2];
    int count = 0;
    if (frozen != nullptr) factors[count++] = *frozen;
    if (border.depth != 0) {
      border.panels = static_cast<const T*>(border.panels) + origin * panel_size(border.depth);
      if (border.ranges != nullptr) border.ranges += origin;
      factors[count++] = border;
    }
    const float* bias = is_forward_ ? weight_.bias() : nullptr;
    const View columns(out.row<T>(0) + origin * kPanelCols, out.rows(), out.cols() - origin * kPanelCols, out.row_stride(), out.dtype());
    multiply_block(weight_.dtype(), factors, count, begin, end, bias == nullptr ? nullptr : bias + origin * kPanelCols, columns, start);
  }

  const PackedWeight& weight_;
  bool is_forward_;
  int64_t depth_, cols_;
};

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
