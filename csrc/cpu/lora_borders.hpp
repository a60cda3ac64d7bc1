// The borders that adapters add to a frozen weight, packed anew at every call because A and B change at every step; they are a few per
// cent of W. The adapter that starts at rank `offset` owns the columns [offset, offset + its rank) of u and v; ranks are rounded up to
// even.
#pragma once

#include "core/scratch.hpp"
#include "core/thread_pool.hpp"
#include "cpu/gemm.hpp"
#include "cpu/lora_linear.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

AYAR_INLINE int64_t rank_of(const Adapter& adapter) {
  return adapter.lora_A.rows();
}
AYAR_INLINE int64_t padded_rank(const Adapter& adapter) {
  return round_up(rank_of(adapter), 2);
}
int64_t total_rank(ListOf<Adapter> adapters) {
  int64_t total = 0;
  for (int64_t i = 0; i < adapters.count; ++i) total += padded_rank(adapters.items[i]);
  return total;
}

// Calls body(adapter, index, offset) for each adapter.
template <class Body>
AYAR_INLINE void each_adapter(ListOf<Adapter> adapters, const Body& body) {
  int64_t offset = 0;
  for (int64_t i = 0; i < adapters.count; ++i) {
    body(adapters.items[i], i, offset);
    offset += padded_rank(adapters.items[i]);
  }
}

// Columns: ranks. Depth: K.  u = x · this.
template <class T>
const T* pack_down(ListOf<Adapter> adapters, int64_t in_features) {
  const int64_t ranks = total_rank(adapters);
  T* packed = scratch<T>(Scratch::adapter_in, panel_count(ranks) * panel_size(in_features));
  const float** rows = scratch<const float*>(Scratch::adapter_rows, round_up(ranks, kPanelCols));
  for (int64_t j = 0; j < round_up(ranks, kPanelCols); ++j) rows[j] = nullptr;
  each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t offset) {
    for (int64_t j = 0; j < rank_of(adapter); ++j) rows[offset + j] = adapter.lora_A.template row<float>(j);
  });
  parallel_rows(panel_count(ranks), [&](int64_t p) {
    const float* const* row = rows + p * kPanelCols;
    pack_panel(
        in_features, kPanelCols, [&](int64_t k, int64_t c) { return row[c] == nullptr ? 0.0f : row[c][k]; },
        packed + p * panel_size(in_features));
  });
  return packed;
}

// The same, one adapter after the other and scaled by what dropout leaves: what is multiplied with a row of which a mask of the adapter's
// own dropped elements.
template <class T>
const T* pack_down_apart(ListOf<Adapter> adapters, int64_t in_features) {
  int64_t size = 0;
  each_adapter(adapters,
               [&](const Adapter& adapter, int64_t, int64_t) { size += panel_count(rank_of(adapter)) * panel_size(in_features); });
  T* packed = scratch<T>(Scratch::adapter_in, size);
  T* next = packed;
  each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t) {
    const float scale = adapter.dropout.kept_scale();
    parallel_rows(panel_count(rank_of(adapter)), [&](int64_t p) {
      const auto value = [&](int64_t k, int64_t c) { return scale * adapter.lora_A.template row<float>(p * kPanelCols + c)[k]; };
      pack_panel(in_features, rank_of(adapter) - p * kPanelCols, value, next + p * panel_size(in_features));
    });
    next += panel_count(rank_of(adapter)) * panel_size(in_features);
  });
  return packed;
}

struct RangedPanels {
  const void* panels;
  const DepthRange* ranges;
};

// Columns: N. Depth: ranks; zero outside of the adapter that covers the column.  y += u · this.
template <class T>
RangedPanels pack_up(ListOf<Adapter> adapters, int64_t out_features) {
  const int64_t ranks = total_rank(adapters), panels = panel_count(out_features);
  T* packed = scratch<T>(Scratch::adapter_out, panels * panel_size(ranks));
  DepthRange* ranges = scratch<DepthRange>(Scratch::adapter_ranges, panels);
  parallel_rows(panels, [&](int64_t p) {
    T* panel = packed + p * panel_size(ranks);
    for (int64_t i = 0; i < panel_size(ranks); ++i) store(panel + i, 0.0f);
    DepthRange range{ranks, 0};
    each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t offset) {
      const int64_t first = std::max(p * kPanelCols, adapter.first_column);
      const int64_t last = std::min((p + 1) * kPanelCols, adapter.first_column + adapter.lora_B.rows());
      for (int64_t n = first; n < last; ++n) {
        const float* row = adapter.lora_B.template row<float>(n - adapter.first_column);
        for (int64_t j = 0; j < rank_of(adapter); ++j) {
          store(panel + index_in_panel(panel, offset + j, n - p * kPanelCols), adapter.scaling * row[j]);
        }
      }
      if (first < last) range = {std::min(range.begin, offset), std::max(range.end, offset + padded_rank(adapter))};
    });
    ranges[p] = range;
  });
  return {packed, ranges};
}

// One after the other for each adapter. Columns: its ranks. Depth: its N.  v = dy · this.
template <class T>
const T* pack_up_transposed(ListOf<Adapter> adapters) {
  int64_t size = 0;
  each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t) {
    size += panel_count(rank_of(adapter)) * panel_size(adapter.lora_B.rows());
  });
  T* packed = scratch<T>(Scratch::adapter_out, size);
  T* next = packed;
  each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t) {
    const int64_t depth = adapter.lora_B.rows();
    parallel_rows(panel_count(rank_of(adapter)), [&](int64_t p) {
      const auto value = [&](int64_t n, int64_t c) { return adapter.scaling * adapter.lora_B.template row<float>(n)[p * kPanelCols + c]; };
      pack_panel(depth, rank_of(adapter) - p * kPanelCols, value, next + p * panel_size(depth));
    });
    next += panel_count(rank_of(adapter)) * panel_size(depth);
  });
  return packed;
}

// Columns: K. Depth: ranks. Scaled by what dropout leaves.  dx += v · this.
template <class T>
const T* pack_down_transposed(ListOf<Adapter> adapters, int64_t in_features) {
  const int64_t ranks = total_rank(adapters), panels = panel_count(in_features);
  T* packed = scratch<T>(Scratch::adapter_in, panels * panel_size(ranks));
  parallel_rows(panels, [&](int64_t p) {
    T* panel = packed + p * panel_size(ranks);
    for (int64_t i = 0; i < panel_size(ranks); ++i) store(panel + i, 0.0f);
    each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t offset) {
      const float scale = adapter.dropout.kept_scale();
      for (int64_t j = 0; j < rank_of(adapter); ++j) {
        const float* row = adapter.lora_A.template row<float>(j) + p * kPanelCols;
        const int64_t cols = std::min(kPanelCols, in_features - p * kPanelCols);
        for (int64_t c = 0; c < cols; ++c) store(panel + index_in_panel(panel, offset + j, c), scale * row[c]);
      }
    });
  });
  return packed;
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
