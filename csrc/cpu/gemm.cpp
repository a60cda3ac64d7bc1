#include "cpu/gemm.hpp"

#include "core/scratch.hpp"
#include "cpu/amx_unit.hpp"
#include "cpu/gemm_blocks.hpp"
#include "cpu/gemm_tiles.hpp"
#include "cpu/microkernel.hpp"
#include "cpu/sweep.hpp"
#include "cpu/transposed_panels.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int kMaxFactors = 2;
// Depth of one sweep over the rows, so that the panels of a tile stay in the second-level cache.
template <class E>
constexpr int64_t kOnlySweep = __is_same(E, float) ? 1664 : 3328;
template <class E>
constexpr int64_t kSweep = __is_same(E, float) ? 512 : 1024;  // of one among several: the rows stay there too
constexpr int64_t kPartialBytes = 256 << 10;                  // of the sums that wait for the next sweep: they stay there too

template <class E>
struct StagedRows {
  const E* data;
  int64_t stride;
};

AYAR_INLINE void copy_row(const bfloat16* from, int64_t depth, float* to) {
  int64_t k = 0;
  for (; k + kPanelCols <= depth; k += kPanelCols) store_lanes(to + k, load_lanes(from + k));
  for (; k < depth; ++k) to[k] = load(from + k);
}
AYAR_INLINE void copy_row(const bfloat16* from, int64_t depth, bfloat16* to) {
  for (int64_t k = 0; k < depth; ++k) to[k] = from[k];
  to[depth] = bfloat16{0};
}

// Rows as the microkernel reads them: in place where it can, else widened, or with the zero that fills the last pair.
template <class T, class E>
StagedRows<E> stage_rows(const Factor& factor, int64_t rows, Scratch purpose) {
  const T* from = static_cast<const T*>(factor.rows);
  if constexpr (__is_same(T, E)) {
    if (__is_same(T, float) || factor.depth % 2 == 0) return {from, factor.row_stride};
  }
  if constexpr (__is_same(T, bfloat16)) {
    const int64_t stride = padded_depth(factor.depth);
    E* to = scratch<E>(purpose, rows * stride);
    for (int64_t r = 0; r < rows; ++r) copy_row(from + r * factor.row_stride, factor.depth, to + r * stride);
    return {to, stride};
  }
}

AYAR_INLINE void widen_panel(const bfloat16* panel, int64_t depth, float* to) {
  for (int64_t k = 0; k < depth; k += 2) {
    Lanes even, odd;
    load_pairs(panel + k * kPanelCols, even, odd);
    store_lanes(to + k * kPanelCols, even);
    store_lanes(to + (k + 1) * kPanelCols, odd);
  }
}

template <class T, class E>
class BlockProduct {
 public:
  BlockProduct(const Factor* factors, int factor_count, const float* bias, const View& y, const View& start)
      : factors_(factors), factor_count_(factor_count), bias_(bias), y_(y), start_(start) {
    for (int f = 0; f < factor_count; ++f) {
      rows_[f] = stage_rows<T, E>(factors[f], y.rows(), f == 0 ? Scratch::rows : Scratch::border_rows);
      whole_depth_ += padded_depth(factors[f].depth);
    }
  }

  template <class Y>
  void run(int64_t panel_begin, int64_t panel_end) {
    panel_begin_ = panel_begin;
    if (whole_depth_ <= kOnlySweep<E>) {
      run_panels<Y>(panel_begin, panel_end, panel_end, 0, 1, nullptr);
      return;
    }
    const int64_t sweeps = (whole_depth_ + kSweep<E> - 1) / kSweep<E>;
    // All sweeps of as many panels as sums can wait for: the rows of a sweep are read from the outer cache once for them all.
    const int64_t panel_sums = y_.rows() * kPanelCols, fitting = kPartialBytes / at_least(panel_sums * 4, 1);
    const int64_t count = at_most(at_least(fitting / kTilePanels, 1) * kTilePanels, panel_end - panel_begin);
    float* partial = scratch<float>(Scratch::partial_sums, (count + kTilePanels) * panel_sums);
    for (int64_t panel = panel_begin, next = panel; panel < panel_end; panel = next) {
      for (int64_t sweep = 0; sweep < sweeps; ++sweep) {
        next = run_panels<Y>(panel, at_most(panel + count, panel_end), panel_end, sweep, sweeps, partial);
      }
    }
  }

 private:
  // Tiles of three panels are nearly as good as of four, tiles of one or two are not: a rest is made of threes where that is possible.
  static AYAR_INLINE int64_t tile_panels(int64_t left) {
    if constexpr (kTilePanels == 4) {
      if (left == 5 || left == 6 || left == 9) return 3;
    }
    return at_most(left, kTilePanels);
  }

  // One sweep of the panels [panel, end), or of a few more, so that the tiles are those of [panel, all); returns where it ended.
  template <class Y>
  int64_t run_panels(int64_t panel, int64_t end, int64_t all, int64_t sweep, int64_t sweeps, float* partial) {
    const int64_t first = panel;
    for (int64_t panels = 0; panel < end; panel += panels) {
      panels = tile_panels(all - panel);
      // What this thread will turn next: the panels that follow, else the first ones at the next sweep.
      const bool is_last = panel + panels >= end && sweep + 1 != sweeps;
      const NextSquares<T> next = next_squares(is_last ? first : panel + panels, window(is_last ? sweep + 1 : sweep, sweeps));
      float* waiting = partial == nullptr ? nullptr : partial + (panel - first) * y_.rows() * kPanelCols;
      unroll<kTilePanels>([&](auto index) __attribute__((always_inline)) {
        if (panels == index + 1) run_group<index + 1, Y>(panel, sweep, sweeps, next, waiting);
      });
    }
    return panel;
  }

  template <int PANELS, class Y>
  void run_group(int64_t panel, int64_t sweep, int64_t sweeps, const NextSquares<T>& next, float* partial) {
    Sweep<E> parts[kMaxFactors];
    const int part_count = prepare<PANELS>(panel, window(sweep, sweeps), parts);
    constexpr int ROWS = kTileRows<PANELS>;
    for (int64_t row = 0; row < y_.rows(); row += ROWS) {
      next.bring(row, ROWS, y_.rows());
      Tile<ROWS, PANELS> tile;
      if (sweep == 0 && start_.rows() != 0) {
        begin_with_start(row, panel, tile);
      } else {
        clear(tile);
      }
      if (sweep != 0) visit<PANELS>(row, [&](auto r, auto p, float* sums) { tile.sums[r][p] = load_lanes(sums); }, partial);
      for (int part = 0; part < part_count; ++part) {
        const E* rows[ROWS];
        unroll<ROWS>([&](auto r) __attribute__((always_inline)) {
          rows[r] = parts[part].rows + at_most(row + r, y_.rows() - 1) * parts[part].row_stride;
        });
        accumulate(rows, parts[part].panels, parts[part].panel_stride, parts[part].depth, tile);
      }
      if (sweep + 1 != sweeps) {
        visit<PANELS>(row, [&](auto r, auto p, float* sums) { store_lanes(sums, tile.sums[r][p]); }, partial);
      } else {
        finish<ROWS, PANELS, Y>(row, panel, tile);
      }
    }
  }

  template <int ROWS, int PANELS>
  AYAR_INLINE void begin_with_start(int64_t row, int64_t panel, Tile<ROWS, PANELS>& tile) const {
    unroll<ROWS>([&](auto r) __attribute__((always_inline)) {
      const float* sums = start_.row<float>(at_most(row + r, y_.rows() - 1)) + (panel - panel_begin_) * kPanelCols;
      unroll<PANELS>([&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = load_lanes(sums + p * kPanelCols); });
    });
  }

  NextSquares<T> next_squares(int64_t panel, DepthRange window) const {
    const Factor& factor = factors_[0];
    if (factor.stored_depth == 0) return {};
    const int64_t begin = window.begin, end = at_most(window.end, factor.depth);
    const int64_t count = at_most(kTilePanels, panel_count(factor.stored_depth) - panel);
    if (begin >= end || count <= 0) return {};
    return squares_at(static_cast<const T*>(factor.panels), factor.stored_depth, panel, count, {begin, end});
  }

  // Calls body(r, p, place) for each 16 partial sums of a tile that are real.
  template <int PANELS, class Body>
  AYAR_INLINE void visit(int64_t row, const Body& body, float* partial) const {
    unroll<kTileRows<PANELS>>([&](auto r) __attribute__((always_inline)) {
      if (row + r < y_.rows()) {
        unroll<PANELS>([&](auto p) __attribute__((always_inline)) { body(r, p, partial + ((row + r) * PANELS + p) * kPanelCols); });
      }
    });
  }

  AYAR_INLINE DepthRange window(int64_t sweep, int64_t sweeps) const {
    return {sweep * kSweep<E>, sweep + 1 == sweeps ? whole_depth_ : (sweep + 1) * kSweep<E>};
  }

  // Cuts a window of the concatenated depth out of every factor.
  template <int PANELS>
  int prepare(int64_t panel, DepthRange window, Sweep<E>* parts) {
    int count = 0;
    for (int f = 0; f < factor_count_; ++f) {
      const Factor& factor = factors_[f];
      DepthRange range = needed_range<PANELS>(factor, panel);
      range = {at_least(range.begin, window.begin), at_most(range.end, window.end)};
      window = {window.begin - padded_depth(factor.depth), window.end - padded_depth(factor.depth)};
      if (range.begin >= range.end) continue;
      Sweep<E>& part = parts[count++];
      part.rows = rows_[f].data + range.begin;
      part.row_stride = rows_[f].stride;
      const T* panels = static_cast<const T*>(factor.panels) + panel * panel_size(factor.depth) + range.begin * kPanelCols;
      int64_t stride = panel_size(factor.depth);
      if (factor.stored_depth != 0) {
        stride = panel_size(range.end - range.begin);
        T* turned = scratch<T>(Scratch::turned_panels, PANELS * stride);
        transpose_panels(static_cast<const T*>(factor.panels), factor.stored_depth, panel, PANELS, range, turned, stride);
        panels = turned;
      }
      if constexpr (__is_same(T, E)) {
        part.panels = panels;
        part.panel_stride = stride;
        part.depth = round_up(range.end - range.begin, kDepthOfStep<E>);
      } else {
        part.depth = range.end - range.begin;
        part.panel_stride = padded_depth(part.depth) * kPanelCols;
        float* widened = scratch<float>(f == 0 ? Scratch::panels : Scratch::border_panels, PANELS * part.panel_stride);
        for (int p = 0; p < PANELS; ++p) widen_panel(panels + p * stride, part.depth, widened + p * part.panel_stride);
        part.panels = widened;
      }
    }
    return count;
  }

  template <int ROWS, int PANELS, class Y>
  AYAR_INLINE void finish(int64_t row, int64_t panel, const Tile<ROWS, PANELS>& tile) const {
    unroll<ROWS>([&](auto r) __attribute__((always_inline)) {
      if (row + r < y_.rows()) {
        Y* y = y_.row<Y>(row + r) + panel * kPanelCols;
        unroll<PANELS>([&](auto p) __attribute__((always_inline)) {
          const Lanes sums = bias_ == nullptr ? tile.sums[r][p] : add(tile.sums[r][p], load_lanes(bias_ + (panel + p) * kPanelCols));
          store_some(y + p * kPanelCols, y_.cols() - (panel + p) * kPanelCols, sums);
        });
      }
    });
  }

  const Factor* factors_;
  int factor_count_;
  const float* bias_;
  const View& y_;
  const View& start_;
  int64_t panel_begin_ = 0;
  StagedRows<E> rows_[kMaxFactors];
  int64_t whole_depth_ = 0;
};

void multiply(const View& x, const void* panels, int64_t stored_depth, const float* bias, DType dtype, View y) {
  AYAR_REQUIRE(x.dtype() == dtype && x.rows() == y.rows());
  AYAR_REQUIRE(y.dtype() == DType::float32 || y.dtype() == DType::bfloat16);
  const int64_t bytes = dtype == DType::float32 ? 4 : 2;
  parallel_gemm(y.rows(), panel_count(y.cols()), [&](const GemmTask& task) {
    const Factor factor{x.row<char>(0) + task.row_begin * x.row_stride() * bytes, x.row_stride(), panels, x.cols(), nullptr, stored_depth};
    multiply_block(dtype, &factor, 1, task.panel_begin, task.panel_end, bias, y.rows_from(task.row_begin, task.row_end));
  });
}

}  // namespace

void multiply_block(DType dtype, const Factor* factors, int factor_count, int64_t panel_begin, int64_t panel_end, const float* bias, View y,
                    View start) {
#if defined(AYAR_TILES)
  if (dtype == DType::bfloat16) {
    TiledProduct<AmxUnit> product(factors, factor_count, bias, y, start);
    with_dtype(y.dtype(), [&]<class Y>(Y) { product.template run<Y>(panel_begin, panel_end); });
    return;
  }
#endif
  with_dtype(dtype, [&]<class T>(T) {
    BlockProduct<T, Multiplied<T>> product(factors, factor_count, bias, y, start);
    with_dtype(y.dtype(), [&]<class Y>(Y) { product.template run<Y>(panel_begin, panel_end); });
  });
}

void linear_forward(View x, const PackedWeight& weight, View y) {
  AYAR_REQUIRE(x.cols() == weight.in_features() && y.cols() == weight.out_features());
  multiply(x, weight.panels(), 0, weight.bias(), weight.dtype(), y);
}

void linear_backward_input(View dy, const PackedWeight& weight, View dx) {
  AYAR_REQUIRE(dy.cols() == weight.out_features() && dx.cols() == weight.in_features());
  multiply(dy, weight.panels(), weight.in_features(), nullptr, weight.dtype(), dx);
}

}  // namespace ayar::cpu::AYAR_ISA
