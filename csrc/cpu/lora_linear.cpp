#include "cpu/lora_linear.hpp"

#include "cpu/gemm.hpp"
#include "cpu/gemm_blocks.hpp"
#include "cpu/outer_sum.hpp"

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

void require_fitting(ListOf<Adapter> adapters, const PackedWeight& weight, const View& u) {
  int64_t column = 0;
  for (int64_t i = 0; i < adapters.count; ++i) {
    const Adapter& adapter = adapters.items[i];
    AYAR_REQUIRE(adapter.lora_A.dtype() == DType::float32 && adapter.lora_B.dtype() == DType::float32);
    AYAR_REQUIRE(adapter.lora_A.cols() == weight.in_features() && adapter.lora_B.cols() == rank_of(adapter) && rank_of(adapter) > 0);
    AYAR_REQUIRE(adapter.first_column >= column && adapter.first_column + adapter.lora_B.rows() <= weight.out_features());
    column = adapter.first_column + adapter.lora_B.rows();
  }
  AYAR_REQUIRE(u.cols() == total_rank(adapters) && u.dtype() == DType::float32);
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

// The four borders, packed anew at every call because A and B change at every step; they are a few per cent of W.

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

// Columns: K. Depth: ranks.  dx += v · this.
template <class T>
const T* pack_down_transposed(ListOf<Adapter> adapters, int64_t in_features) {
  const int64_t ranks = total_rank(adapters), panels = panel_count(in_features);
  T* packed = scratch<T>(Scratch::adapter_in, panels * panel_size(ranks));
  parallel_rows(panels, [&](int64_t p) {
    T* panel = packed + p * panel_size(ranks);
    for (int64_t i = 0; i < panel_size(ranks); ++i) store(panel + i, 0.0f);
    each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t offset) {
      for (int64_t j = 0; j < rank_of(adapter); ++j) {
        const float* row = adapter.lora_A.template row<float>(j) + p * kPanelCols;
        const int64_t cols = std::min(kPanelCols, in_features - p * kPanelCols);
        for (int64_t c = 0; c < cols; ++c) store(panel + index_in_panel(panel, offset + j, c), row[c]);
      }
    });
  });
  return packed;
}

// u or v in the dtype that multiplies the border.
template <class T>
const T* rounded_rows(const View& low_rank) {
  T* rounded = scratch<T>(Scratch::rounded_rows, low_rank.rows() * low_rank.cols());
  for (int64_t m = 0; m < low_rank.rows(); ++m) {
    const float* row = low_rank.row<float>(m);
    for (int64_t j = 0; j < low_rank.cols(); ++j) store(rounded + m * low_rank.cols() + j, row[j]);
  }
  return rounded;
}

// Where a task writes u or v: into the whole array, but only one of the tasks that share a block of rows may do so.
View low_rank_block(const View& whole, const GemmTask& task) {
  const int64_t rows = task.row_end - task.row_begin;
  if (task.panel_begin == 0) return whole.rows_from(task.row_begin, task.row_end);
  return {scratch<float>(Scratch::low_rank_rows, rows * whole.cols()), rows, whole.cols(), whole.cols(), DType::float32};
}

View columns_of(const View& whole, int64_t begin, int64_t cols) {
  return {whole.row<float>(0) + begin, whole.rows(), cols, whole.row_stride(), DType::float32};
}

template <class T>
void forward(const View& x, const PackedWeight& weight, ListOf<Adapter> adapters, const View& u, const View& y) {
  const int64_t depth = weight.in_features(), ranks = u.cols();
  const T* down = pack_down<T>(adapters, depth);
  const RangedPanels up = pack_up<T>(adapters, weight.out_features());
  parallel_gemm(x.rows(), panel_count(y.cols()), depth, [&](const GemmTask& task) {
    Factor factors[2] = {{x.row<T>(task.row_begin), x.row_stride(), down, depth}, {}};
    const View u_block = low_rank_block(u, task);
    multiply_block(weight.dtype(), factors, 1, 0, panel_count(ranks), nullptr, u_block);
    factors[0].panels = weight.forward_panels();
    factors[1] = {rounded_rows<T>(u_block), ranks, up.panels, ranks, up.ranges};
    multiply_block(weight.dtype(), factors, 2, task.panel_begin, task.panel_end, weight.bias(), y.rows_from(task.row_begin, task.row_end));
  });
}

// Writes v, and dx unless it is empty.
template <class T>
void backward_input(const View& dy, const PackedWeight& weight, ListOf<Adapter> adapters, const View& v, const View& dx) {
  const int64_t depth = weight.out_features(), ranks = v.cols();
  const bool needs_dx = dx.rows() != 0;
  const void* panels = needs_dx ? weight.backward_panels() : nullptr;
  const T* up = pack_up_transposed<T>(adapters);
  const T* down = needs_dx ? pack_down_transposed<T>(adapters, weight.in_features()) : nullptr;
  parallel_gemm(dy.rows(), needs_dx ? panel_count(dx.cols()) : 1, depth, [&](const GemmTask& task) {
    const View v_block = low_rank_block(v, task);
    const T* rows = dy.row<T>(task.row_begin);
    const T* next = up;
    each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t offset) {
      const Factor factor{rows + adapter.first_column, dy.row_stride(), next, adapter.lora_B.rows()};
      const int64_t rank_panels = panel_count(rank_of(adapter));
      multiply_block(weight.dtype(), &factor, 1, 0, rank_panels, nullptr, columns_of(v_block, offset, padded_rank(adapter)));
      next += rank_panels * panel_size(factor.depth);
    });
    if (!needs_dx) return;
    const Factor factors[2] = {{rows, dy.row_stride(), panels, depth}, {rounded_rows<T>(v_block), ranks, down, ranks}};
    multiply_block(weight.dtype(), factors, 2, task.panel_begin, task.panel_end, nullptr, dx.rows_from(task.row_begin, task.row_end));
  });
}

void write_rows(ListOf<Adapter> adapters, ListOf<AdapterGradient> gradients, const float* sums, int64_t first, int64_t cols) {
  each_adapter(adapters, [&](const Adapter& adapter, int64_t i, int64_t offset) {
    for (int64_t j = 0; j < rank_of(adapter); ++j) {
      float* row = gradients.items[i].lora_A.template row<float>(j) + first;
      for (int64_t c = 0; c < cols; ++c) row[c] = sums[(offset + j) * kOuterCols + c];
    }
  });
}

void write_transposed(const Adapter& adapter, const View& gradient, const float* sums, int64_t first, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) {
    float* row = gradient.row<float>(first + c);
    for (int64_t j = 0; j < rank_of(adapter); ++j) row[j] = adapter.scaling * sums[j * kOuterCols + c];
  }
}

// Each task owns columns of dA, or rows of one dB, so that no sum depends on the number of threads.
template <class T>
void backward_adapters(const View& dy, const View& x, const View& u, const View& v, ListOf<Adapter> adapters,
                       ListOf<AdapterGradient> gradients) {
  using E = Multiplied<T>;
  const LowRank<E> staged_u = stage_low_rank(u, Scratch::staged_u, static_cast<const E*>(nullptr));
  const LowRank<E> staged_v = stage_low_rank(v, Scratch::staged_v, static_cast<const E*>(nullptr));
  int64_t columns = x.cols();
  for (int64_t i = 0; i < adapters.count; ++i) columns += adapters.items[i].lora_B.rows();
  const int64_t share = round_up(std::max<int64_t>(columns / (3 * thread_count()), 1), kOuterGroup);
  const int64_t width = std::min(share, kOuterCols);
  const auto task_count = [&](int64_t cols) { return (cols + width - 1) / width; };
  int64_t tasks = task_count(x.cols());
  for (int64_t i = 0; i < adapters.count; ++i) tasks += task_count(adapters.items[i].lora_B.rows());
  parallel_tasks(tasks, [&](int64_t task, int) {
    int64_t first = task * width;
    if (task < task_count(x.cols())) {
      const int64_t cols = std::min(width, x.cols() - first);
      const float* sums = outer_sum(staged_v.data, staged_v.stride, v.cols(), x.row<T>(0) + first, x.row_stride(), x.rows(), cols);
      write_rows(adapters, gradients, sums, first, cols);
      return;
    }
    task -= task_count(x.cols());
    each_adapter(adapters, [&](const Adapter& adapter, int64_t i, int64_t offset) {
      const int64_t own = task_count(adapter.lora_B.rows());
      if (task >= 0 && task < own) {
        first = task * width;
        const int64_t cols = std::min(width, adapter.lora_B.rows() - first);
        const T* b = dy.row<T>(0) + adapter.first_column + first;
        const E* a = staged_u.data + offset * kDepthOfStep<E>;
        const float* sums = outer_sum(a, staged_u.stride, rank_of(adapter), b, dy.row_stride(), dy.rows(), cols);
        write_transposed(adapter, gradients.items[i].lora_B, sums, first, cols);
      }
      task -= own;
    });
  });
}

}  // namespace

void lora_linear_forward(View x, const PackedWeight& weight, ListOf<Adapter> adapters, View u, View y) {
  require_fitting(adapters, weight, u);
  AYAR_REQUIRE(x.cols() == weight.in_features() && y.cols() == weight.out_features());
  AYAR_REQUIRE(x.rows() == y.rows() && x.rows() == u.rows());
  AYAR_REQUIRE(x.dtype() == weight.dtype() && y.dtype() == weight.dtype());
  with_dtype(weight.dtype(), [&]<class T>(T) { forward<T>(x, weight, adapters, u, y); });
}

void lora_linear_backward(View dy, View x, View u, const PackedWeight& weight, ListOf<Adapter> adapters, ListOf<AdapterGradient> gradients,
                          View dx) {
  require_fitting(adapters, weight, u);
  AYAR_REQUIRE(dy.cols() == weight.out_features() && x.cols() == weight.in_features());
  AYAR_REQUIRE(dy.rows() == x.rows() && dy.rows() == u.rows() && gradients.count == adapters.count);
  AYAR_REQUIRE(dy.dtype() == weight.dtype() && x.dtype() == weight.dtype());
  AYAR_REQUIRE(dx.rows() == 0 || (dx.rows() == dy.rows() && dx.cols() == x.cols() && dx.dtype() == weight.dtype()));
  for (int64_t i = 0; i < adapters.count; ++i) {
    const View dA = gradients.items[i].lora_A, dB = gradients.items[i].lora_B;
    AYAR_REQUIRE(dA.rows() == adapters.items[i].lora_A.rows() && dA.cols() == x.cols() && dA.dtype() == DType::float32);
    AYAR_REQUIRE(dB.rows() == adapters.items[i].lora_B.rows() && dB.cols() == dA.rows() && dB.dtype() == DType::float32);
  }
  const View v(scratch<float>(Scratch::low_rank, u.rows() * u.cols()), u.rows(), u.cols(), u.cols(), DType::float32);
  with_dtype(weight.dtype(), [&]<class T>(T) {
    backward_input<T>(dy, weight, adapters, v, dx);
    backward_adapters<T>(dy, x, u, v, adapters, gradients);
  });
}

}  // namespace ayar::cpu::AYAR_ISA
