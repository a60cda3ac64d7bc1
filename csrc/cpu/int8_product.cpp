#include "cpu/int8_product.hpp"

#include "core/scratch.hpp"
#include "cpu/amx_unit.hpp"
#include "cpu/int8_lanes.hpp"
#include "cpu/int8_tiles.hpp"
#include "cpu/microkernel.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr float kRounder = 12582912.0f;  // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
constexpr uint32_t kRounderBits = 0x4B400000, kMagnitude = 0x7FFFFFFF, kInfinityBits = 0x7F800000;
constexpr float kNegligible = 1e-30f;  // a row this small is zero: its reciprocal would not be finite

AYAR_INLINE uint32_t bits_of(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

struct RowScale {
  float scale, reciprocal;
};

AYAR_INLINE RowScale row_scale(uint32_t largest_bits) {
  if (largest_bits >= kInfinityBits) return {__builtin_nanf(""), 0.0f};
  float largest;
  __builtin_memcpy(&largest, &largest_bits, sizeof largest);
  return largest < kNegligible ? RowScale{0.0f, 0.0f} : RowScale{largest / kInt8Largest, kInt8Largest / largest};
}

// Writes the codes of one row and returns its scale. values: scratch of the row's length.
template <class T>
float quantize_row(const T* x, const float* factor, int64_t depth, float* values, Int8Code* codes, int32_t& sum) {
  if (factor == nullptr) {
#pragma omp simd
    for (int64_t k = 0; k < depth; ++k) values[k] = load(x + k);
  } else {
#pragma omp simd
    for (int64_t k = 0; k < depth; ++k) values[k] = load(x + k) * factor[k];
  }
  uint32_t largest = 0;  // magnitudes compare as integers do, and a NaN is larger than all
#pragma omp simd reduction(max : largest)
  for (int64_t k = 0; k < depth; ++k) {
    const uint32_t magnitude = bits_of(values[k]) & kMagnitude;
    largest = magnitude > largest ? magnitude : largest;
  }
  const RowScale scale = row_scale(largest);
  int32_t total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t k = 0; k < depth; ++k) {
    const auto code = static_cast<int32_t>(bits_of(values[k] * scale.reciprocal + kRounder) - kRounderBits);
    codes[k] = static_cast<Int8Code>(code);
    total += codes[k];
  }
  for (int64_t k = depth; k < round_up(depth, kInt8Steps); ++k) codes[k] = 0;
  sum = total;
  return scale.scale;
}

struct Product {
  const QuantizedRows& rows;
  const float* column_scale;
  bool adds;
  const View& sums;

#if defined(AYAR_TILES)
  template <int PANELS>
  void group_on_tiles(AmxUnit& unit, const uint8_t* panels, int64_t depth, int64_t panel) const {
    alignas(64) int32_t products[kCodeRows * PANELS * kPanelCols];
    for (int64_t row = 0; row < sums.rows(); row += kCodeRows) {
      const int64_t left = sums.rows() - row, count = left < kCodeRows ? left : kCodeRows;
      multiply_codes<PANELS>(unit, static_cast<const int8_t*>(rows.codes) + row * rows.stride, rows.stride, count, panels, depth, products);
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t p = 0; p < PANELS; ++p) {
          finish(row + r, (panel + p) * kPanelCols, {_mm512_load_si512(products + (r * PANELS + p) * kPanelCols)});
        }
      }
    }
  }
#endif

  template <int PANELS>
  AYAR_INLINE void group(const uint8_t* panels, int64_t depth, int64_t panel) const {
    for (int64_t row = 0; row < sums.rows(); row += kInt8Rows) tile<PANELS>(panels, depth, panel, row);
  }

  template <int PANELS>
  AYAR_INLINE void tile(const uint8_t* panels, int64_t depth, int64_t panel, int64_t row) const {
    Int8Sums tile[kInt8Rows][PANELS];
    const Int8Code* codes[kInt8Rows];
    const int64_t last = sums.rows() - 1, panel_stride = int8_panel_size(depth);
    unroll<kInt8Rows>([&](auto r) __attribute__((always_inline)) {
      codes[r] = static_cast<const Int8Code*>(rows.codes) + (row + r < last ? row + r : last) * rows.stride;
    });
    for (int64_t k = 0; k < depth; k += kInt8Steps) {
      WeightStep weights[PANELS];
      unroll<PANELS>([&](auto p) __attribute__((always_inline)) { weights[p] = load_weights(panels + p * panel_stride + k * kPanelCols); });
      unroll<kInt8Rows>([&](auto r) __attribute__((always_inline)) {
        const CodeStep step = broadcast_codes(codes[r] + k);
        unroll<PANELS>([&](auto p) __attribute__((always_inline)) { add_products(step, weights[p], tile[r][p]); });
      });
    }
    unroll<kInt8Rows>([&](auto r) __attribute__((always_inline)) {
      if (row + r > last) return;
      unroll<PANELS>([&](auto p) __attribute__((always_inline)) { finish(row + r, (panel + p) * kPanelCols, tile[r][p]); });
    });
  }

  AYAR_INLINE void finish(int64_t row, int64_t column, const Int8Sums& products) const {
    Lanes scale = broadcast(rows.scales[row]);
    if (column_scale != nullptr) scale = multiply(scale, load_lanes(column_scale + column));
    const Lanes product = multiply(less(products, kInt8Zero * rows.sums[row]), scale);
    float* to = sums.row<float>(row) + column;
    store_lanes(to, adds ? add(load_lanes(to), product) : product);
  }
};

}  // namespace

QuantizedRows quantize_rows(View rows, const float* factor) {
  const int64_t stride = round_up(rows.cols(), kInt8Steps);
  auto* codes = scratch<Int8Code>(Scratch::int8_codes, rows.rows() * stride);
  auto* scales = scratch<float>(Scratch::int8_scales, rows.rows());
  auto* sums = scratch<int32_t>(Scratch::int8_sums, rows.rows());
  auto* values = scratch<float>(Scratch::int8_row, rows.cols());
  with_dtype(rows.dtype(), [&]<class T>(T) {
    for (int64_t m = 0; m < rows.rows(); ++m) {
      scales[m] = quantize_row(rows.row<T>(m), factor, rows.cols(), values, codes + m * stride, sums[m]);
    }
  });
  return {codes, stride, scales, sums};
}

void multiply_int8(const QuantizedRows& rows, const uint8_t* panels, int64_t depth, const float* column_scale, bool adds, View sums) {
  const Product product{rows, column_scale, adds, sums};
  const int64_t count = panel_count(sums.cols());
#if defined(AYAR_TILES)
  AmxUnit unit;
  int64_t done = 0;
  for (; done + 2 <= count; done += 2) product.group_on_tiles<2>(unit, panels + done * int8_panel_size(depth), depth, done);
  if (done < count) product.group_on_tiles<1>(unit, panels + done * int8_panel_size(depth), depth, done);
#else
  for (int64_t panel = 0; panel < count; panel += kInt8Panels) {
    const int64_t left = count - panel;
    unroll<kInt8Panels>([&](auto index) __attribute__((always_inline)) {
      constexpr int PANELS = index + 1;
      if (left == PANELS || (left > PANELS && PANELS == kInt8Panels)) {
        product.group<PANELS>(panels + panel * int8_panel_size(depth), depth, panel);
      }
    });
  }
#endif
}

}  // namespace ayar::cpu::AYAR_ISA
