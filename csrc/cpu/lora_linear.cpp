#include "cpu/lora_linear.hpp"

#include "cpu/frozen_product.hpp"
#include "cpu/lora_borders.hpp"
#include "cpu/lora_dropout.hpp"
#include "cpu/outer_sum.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

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
  const Masks masks = make_masks(adapters, x.rows(), depth);
  const T* down = masks.is_on() ? pack_down_apart<T>(adapters, depth) : pack_down<T>(adapters, depth);
  const RangedPanels up = pack_up<T>(adapters, weight.out_features());
  const FrozenProduct product(weight, Direction::forward);
  product.each_chunk<T>([&](const FrozenChunk& chunk) {
    parallel_gemm(x.rows(), chunk.count, [&](const GemmTask& task) {
      const bool has_u = chunk.first != 0;  // from the first chunk
      const View u_block = has_u ? u.rows_from(task.row_begin, task.row_end) : low_rank_block(u, task);
      if (!has_u && masks.is_on()) {
        multiply_kept<T>(x, task, masks, adapters, down, u_block);
      } else if (!has_u) {
        const Factor factor{x.row<T>(task.row_begin), x.row_stride(), down, depth};
        multiply_block(weight.dtype(), &factor, 1, 0, panel_count(ranks), nullptr, u_block);
      }
      const Factor border{rounded_rows<T>(u_block), ranks, up.panels, ranks, up.ranges};
      product.multiply<T>(chunk, task, x, border, y, false, [](int64_t, const View&) {});
    });
  });
}

// v of the task's rows.
template <class T>
void multiply_up(const View& dy, const PackedWeight& weight, ListOf<Adapter> adapters, const GemmTask& task, const T* up,
                 const View& v_block) {
  each_adapter(adapters, [&](const Adapter& adapter, int64_t, int64_t offset) {
    const Factor factor{dy.row<T>(task.row_begin) + adapter.first_column, dy.row_stride(), up, adapter.lora_B.rows()};
    const int64_t rank_panels = panel_count(rank_of(adapter));
    multiply_block(weight.dtype(), &factor, 1, 0, rank_panels, nullptr, columns_of(v_block, offset, padded_rank(adapter)));
    up += rank_panels * panel_size(factor.depth);
  });
}

// Writes v, and dx unless it is empty.
template <class T>
void backward_input(const View& dy, const PackedWeight& weight, ListOf<Adapter> adapters, const Masks& masks, const View& v,
                    const View& dx) {
  const int64_t ranks = v.cols();
  const T* up = pack_up_transposed<T>(adapters);
  if (dx.rows() == 0) {
    parallel_gemm(dy.rows(), 1, [&](const GemmTask& task) { multiply_up(dy, weight, adapters, task, up, low_rank_block(v, task)); });
    return;
  }
  const T* down = pack_down_transposed<T>(adapters, weight.in_features());
  const FrozenProduct product(weight, Direction::backward);
  product.each_chunk<T>([&](const FrozenChunk& chunk) {
    parallel_gemm(dy.rows(), chunk.count, [&](const GemmTask& task) {
      const bool has_v = chunk.first != 0;
      const View v_block = has_v ? v.rows_from(task.row_begin, task.row_end) : low_rank_block(v, task);
      if (!has_v) multiply_up(dy, weight, adapters, task, up, v_block);
      const T* rounded = rounded_rows<T>(v_block);
      const Factor border{rounded, ranks, down, masks.is_on() ? 0 : ranks};
      product.multiply<T>(chunk, task, dy, border, dx, masks.is_on(), [&](int64_t first_panel, const View& sums) {
        sum_kept(Factor{rounded, ranks, down + first_panel * panel_size(ranks), ranks}, weight.dtype(), adapters, masks, task.row_begin,
                 first_panel, sums);
      });
    });
  });
}

void write_rows(const View& gradient, const float* sums, float scale, int64_t first, int64_t cols) {
  for (int64_t j = 0; j < gradient.rows(); ++j) {
    float* row = gradient.row<float>(j) + first;
    for (int64_t c = 0; c < cols; ++c) row[c] = scale * sums[j * kOuterCols + c];
  }
}

void write_transposed(const Adapter& adapter, const View& gradient, const float* sums, int64_t first, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) {
    float* row = gradient.row<float>(first + c);
    for (int64_t j = 0; j < rank_of(adapter); ++j) row[j] = adapter.scaling * sums[j * kOuterCols + c];
  }
}

// Each task owns columns of dA, or rows of one dB, so that no sum depends on the number of threads.
template <class T>
void backward_adapters(const View& dy, const View& x, const View& u, const View& v, ListOf<Adapter> adapters, const Masks& masks,
                       ListOf<AdapterGradient> gradients) {
  if (adapters.count == 0) return;
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
      const float* sums = nullptr;  // of all adapters at once, where one x serves them all
      if (!masks.is_on()) sums = outer_sum(staged_v.data, staged_v.stride, v.cols(), x.row<T>(0) + first, x.row_stride(), x.rows(), cols);
      each_adapter(adapters, [&](const Adapter& adapter, int64_t i, int64_t offset) {
        const View& gradient = gradients.items[i].lora_A;
        if (sums != nullptr) {
          write_rows(gradient, sums + offset * kOuterCols, 1, first, cols);
        } else {
          write_rows(gradient,
                     outer_sum_kept(staged_v, offset, rank_of(adapter), x.row<T>(0), x.row_stride(), x.rows(), masks.of(i), first, cols),
                     adapter.dropout.kept_scale(), first, cols);
        }
      });
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
  AYAR_REQUIRE(x.rows() == y.rows() && (x.rows() == u.rows() || adapters.count == 0));
  AYAR_REQUIRE(x.dtype() == weight.dtype() && y.dtype() == weight.dtype());
  with_dtype(weight.dtype(), [&]<class T>(T) { forward<T>(x, weight, adapters, u, y); });
}

void lora_linear_backward(View dy, View x, View u, const PackedWeight& weight, ListOf<Adapter> adapters, ListOf<AdapterGradient> gradients,
                          View dx) {
  require_fitting(adapters, weight, u);
  AYAR_REQUIRE(dy.cols() == weight.out_features() && x.cols() == weight.in_features());
  AYAR_REQUIRE(dy.rows() == x.rows() && (dy.rows() == u.rows() || adapters.count == 0) && gradients.count == adapters.count);
  AYAR_REQUIRE(dy.dtype() == weight.dtype() && x.dtype() == weight.dtype());
  AYAR_REQUIRE(dx.rows() == 0 || (dx.rows() == dy.rows() && dx.cols() == x.cols() && dx.dtype() == weight.dtype()));
  for (int64_t i = 0; i < adapters.count; ++i) {
    const View dA = gradients.items[i].lora_A, dB = gradients.items[i].lora_B;
    AYAR_REQUIRE(dA.rows() == adapters.items[i].lora_A.rows() && dA.cols() == x.cols() && dA.dtype() == DType::float32);
    AYAR_REQUIRE(dB.rows() == adapters.items[i].lora_B.rows() && dB.cols() == dA.rows() && dB.dtype() == DType::float32);
  }
  const View v(scratch<float>(Scratch::low_rank, u.rows() * u.cols()), u.rows(), u.cols(), u.cols(), DType::float32);
  const Masks masks = make_masks(adapters, x.rows(), x.cols());
  with_dtype(weight.dtype(), [&]<class T>(T) {
    backward_input<T>(dy, weight, adapters, masks, v, dx);
    backward_adapters<T>(dy, x, u, v, adapters, masks, gradients);
  });
}

}  // namespace ayar::cpu::AYAR_ISA
