// sources: csrc/core/scratch.cpp csrc/core/arena.cpp csrc/core/errors.cpp
// The products on matrix tiles, run on emulated ones: against the instruction's order of sums bit for bit, and against float64; int8 codes
// exactly.
#define AYAR_ISA portable

#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "cpu/gemm_tiles.hpp"
#include "cpu/int8_tiles.hpp"
#include "emulated_tiles.hpp"

#define CHECK(condition) ((condition) ? (void)0 : (std::fprintf(stderr, "%s:%d: %s fails\n", __FILE__, __LINE__, #condition), std::abort()))

namespace {
using namespace ayar;
using namespace ayar::cpu;
using Matrix = std::vector<bfloat16>;

std::mt19937 random_bits(7);

Matrix random_matrix(int64_t size, float magnitude) {
  std::normal_distribution<float> normal(0, magnitude);
  Matrix matrix(size);
  for (bfloat16& x : matrix) store(&x, normal(random_bits));
  return matrix;
}

// The sum of one element as the tiles add it: 32 steps at a time from `begin` on, each in two chains.
float add_chains(const bfloat16* x, const bfloat16* w, int64_t w_stride, int64_t begin, int64_t end, float sum) {
  for (int64_t k0 = begin; k0 < end; k0 += 32) {
    float chains[2] = {0, 0};
    for (int64_t k = k0; k < end && k < k0 + 32; ++k) {
      chains[(k - k0) % 2] = emulated::multiply_add(x[k].bits, w[k * w_stride].bits, chains[(k - k0) % 2]);
    }
    sum = emulated::add(sum, emulated::add(chains[0], chains[1]));
  }
  return sum;
}

struct Case {
  int64_t rows, depth, cols, ranks;
  bool is_turned, has_start, has_bias, has_ranges;
  float magnitude = 1;
};

void check(const Case& c) {
  const int64_t panels = panel_count(c.cols), x_stride = c.depth + 3;
  const Matrix x = random_matrix(c.rows * x_stride, c.magnitude), w = random_matrix(c.depth * c.cols, c.magnitude);  // w: [depth, cols]
  const Matrix u = random_matrix(c.rows * c.ranks, c.magnitude), b = random_matrix(c.ranks * c.cols, c.magnitude);
  Matrix packed(c.is_turned ? panel_count(c.depth) * panel_size(c.cols) : panels * panel_size(c.depth)),
      border(panels * panel_size(c.ranks));
  if (c.is_turned) {  // as stored for the other direction: columns are the depth
    for (int64_t p = 0; p < panel_count(c.depth); ++p) {
      pack_panel(
          c.cols, c.depth - p * kPanelCols, [&](int64_t k, int64_t n) { return load(&w[(p * kPanelCols + n) * c.cols + k]); },
          packed.data() + p * panel_size(c.cols));
    }
  }
  std::vector<DepthRange> ranges;
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t left = c.cols - p * kPanelCols;
    if (!c.is_turned) {
      pack_panel(
          c.depth, left, [&](int64_t k, int64_t n) { return load(&w[k * c.cols + p * kPanelCols + n]); },
          packed.data() + p * panel_size(c.depth));
    }
    ranges.push_back(c.has_ranges && p % 2 == 0 ? DepthRange{2, c.ranks} : DepthRange{0, c.ranks});
    pack_panel(
        c.ranks, left, [&](int64_t k, int64_t n) { return k < ranges.back().begin ? 0.0F : load(&b[k * c.cols + p * kPanelCols + n]); },
        border.data() + p * panel_size(c.ranks));
  }
  std::normal_distribution<float> normal(0, c.magnitude);
  std::vector<float> bias(panels * kPanelCols), start(c.rows * panels * kPanelCols), y(c.rows * c.cols + 1, -7);
  for (float& value : bias) value = normal(random_bits);
  for (float& value : start) value = normal(random_bits);
  const Factor factors[2] = {{x.data(), x_stride, packed.data(), c.depth, nullptr, c.is_turned ? c.cols : 0},
                             {u.data(), c.ranks, border.data(), c.ranks, c.has_ranges ? ranges.data() : nullptr}};
  const View out(y.data(), c.rows, c.cols, c.cols, DType::float32);
  View begins;
  if (c.has_start) begins = View(start.data(), c.rows, panels * kPanelCols, panels * kPanelCols, DType::float32);
  portable::TiledProduct<EmulatedTiles> product(factors, c.ranks == 0 ? 1 : 2, c.has_bias ? bias.data() : nullptr, out, begins);
  product.run<float>(0, panels);
  CHECK(y.back() == -7);
  for (int64_t m = 0; m < c.rows; ++m) {
    for (int64_t n = 0; n < c.cols; ++n) {
      float sum = c.has_start ? start[m * panels * kPanelCols + n] : 0.0F;
      double exact = sum, size = std::fabs(sum);
      for (int64_t k = 0; k < c.depth; k += portable::kTileSweep) {
        const int64_t end = std::min(k + portable::kTileSweep, c.depth);
        sum = add_chains(x.data() + m * x_stride, w.data() + n, c.cols, k, end, sum);
      }
      const int64_t p = n / kPanelCols / 2 * 2;  // two panels share their steps
      const int64_t first = p + 1 < panels ? std::min(ranges[p].begin, ranges[p + 1].begin) : ranges[p].begin;
      Matrix own(b);  // zero where the panel's own steps have not begun
      for (int64_t k = 0; k < ranges[n / kPanelCols].begin && k < c.ranks; ++k) own[k * c.cols + n] = bfloat16{0};
      sum = add_chains(u.data() + m * c.ranks, own.data() + n, c.cols, first, c.ranks, sum);
      for (int64_t k = 0; k < c.depth; ++k) {
        const double product_of_step = static_cast<double>(load(&x[m * x_stride + k])) * load(&w[k * c.cols + n]);
        exact += product_of_step;
        size += std::fabs(product_of_step);
      }
      for (int64_t k = 0; k < c.ranks; ++k) {
        const double product_of_step = static_cast<double>(load(&u[m * c.ranks + k])) * load(&own[k * c.cols + n]);
        exact += product_of_step;
        size += std::fabs(product_of_step);
      }
      if (c.has_bias) {
        sum += bias[n];
        exact += bias[n];
        size += std::fabs(bias[n]);
      }
      CHECK(std::memcmp(&sum, &y[m * c.cols + n], sizeof sum) == 0);
      if (c.magnitude == 1) CHECK(std::fabs(sum - exact) <= 1e-6 * size);
    }
  }
}

template <int PANELS>
void check_codes(int64_t count, int64_t depth) {
  const int64_t steps = round_up(depth, kInt8Steps), stride = steps + 5;
  std::vector<int8_t> rows(count * stride, 1);
  std::vector<uint8_t> panels(PANELS * int8_panel_size(depth), kInt8Zero);
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t k = 0; k < steps; ++k) rows[r * stride + k] = k < depth ? static_cast<int8_t>(random_bits()) : int8_t{0};
  }
  for (uint8_t& code : panels) code = static_cast<uint8_t>(random_bits());
  int32_t sums[portable::kCodeRows * PANELS * kPanelCols];
  EmulatedTiles unit;
  portable::multiply_codes<PANELS>(unit, rows.data(), stride, count, panels.data(), depth, sums);
  for (int64_t r = 0; r < portable::kCodeRows; ++r) {
    for (int64_t c = 0; c < PANELS * kPanelCols; ++c) {
      int sum = 0;
      for (int64_t k = 0; k < depth && r < count; ++k) {
        sum += rows[r * stride + k] * panels[c / 16 * int8_panel_size(depth) + k / 4 * 64 + c % 16 * 4 + k % 4];
      }
      CHECK(sum == sums[r * PANELS * kPanelCols + c]);
    }
  }
}

}  // namespace

int main() {
  check({1, 1, 1, 0, false, false, false, false});
  check({16, 32, 16, 0, false, false, true, false});
  check({33, 65, 50, 4, false, false, true, true});
  check({40, 97, 33, 17, false, true, false, false});
  check({17, 50, 37, 16, true, false, false, false});
  check({35, 131, 48, 6, true, true, false, true});
  check({5, 1830, 20, 2, false, false, false, false});  // more than one sweep
  check({34, 1799, 18, 2, true, false, true, false});
  check({9, 70, 40, 4, false, true, false, false, 0x1p-62F});  // products around the least normal number
  check_codes<2>(32, 64);
  check_codes<2>(32, 203);
  check_codes<1>(7, 130);
  check_codes<2>(1, 3);
  std::puts("tiles: every sum as the instruction adds it");
}
