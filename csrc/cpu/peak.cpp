#include "cpu/peak.hpp"

#include <time.h>

#include "core/thread_pool.hpp"
#include "cpu/amx_unit.hpp"
#include "cpu/microkernel.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int kRows = kTileRows<kTilePanels>;
constexpr int64_t kSteps = 4096;

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// One slice; the sums are returned so that they must be computed.
template <class E>
float multiply_registers(const E* ones, int64_t slices) {
  Tile<kRows, kTilePanels> tile;
  float seeds[kRows * kTilePanels * kPanelCols] = {};
  asm volatile("" : : "r"(seeds), "r"(ones) : "memory");  // what the compiler knows it would compute once, or not at all
  unroll<kRows>([&](auto r) __attribute__((always_inline)) {
    unroll<kTilePanels>([&](auto p)
                            __attribute__((always_inline)) { tile.sums[r][p] = load_lanes(seeds + (r * kTilePanels + p) * kPanelCols); });
  });
  const auto a = broadcast_step(ones);
  const auto b = load_step(ones);
  for (int64_t step = 0; step < slices * kSteps; ++step) {
    unroll<kRows>([&](auto r) __attribute__((always_inline)) {
      unroll<kTilePanels>([&](auto p) __attribute__((always_inline)) { tile.sums[r][p] = multiply_add(a, b, tile.sums[r][p]); });
    });
  }
  Lanes total = zero_lanes();
  unroll<kRows>([&](auto r) __attribute__((always_inline)) {
    unroll<kTilePanels>([&](auto p) __attribute__((always_inline)) { total = add(total, tile.sums[r][p]); });
  });
  float lanes[kPanelCols];
  store_lanes(lanes, total);
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

template <class T>
double best_of_thread(double seconds) {
  using E = Multiplied<T>;
  E ones[2 * kPanelCols];
  for (E& one : ones) store(&one, 1.0f);
  constexpr double kFlops = 2.0 * kRows * kTilePanels * kPanelCols * kDepthOfStep<E> * kSteps;
  volatile float sink = 0;
  double best = 0;
  const double start = now();
  while (now() - start < seconds) {
    const double begin = now();
    sink = multiply_registers(ones, 4);
    const double rate = 4 * kFlops / (now() - begin) * 1e-9;
    best = rate > best ? rate : best;
  }
  (void)sink;
  return best;
}

#if defined(AYAR_TILES)
double best_of_bf16(double seconds) {
  constexpr double kFlops = 4 * 2.0 * 16 * 16 * 32 * kSteps;
  AmxUnit unit;
  unroll<8>([&](auto tile) __attribute__((always_inline)) { unit.template clear<tile>(); });
  double best = 0;
  const double start = now();
  while (now() - start < seconds) {
    const double begin = now();
    for (int64_t step = 0; step < kSteps; ++step) {
      unroll<4>([&](auto sums) __attribute__((always_inline)) { unit.template multiply_bf16<sums, 4 + sums / 2, 6 + sums % 2>(); });
    }
    const double rate = kFlops / (now() - begin) * 1e-9;
    best = rate > best ? rate : best;
  }
  return best;
}
#else
double best_of_bf16(double seconds) {
  return best_of_thread<bfloat16>(seconds);
}
#endif

}  // namespace

double peak_gflops(bool bf16, double seconds) {
  AYAR_REQUIRE(seconds > 0 && seconds <= 10);
  double of_thread[1024] = {};  // as many as set_thread_count allows
  parallel_ranges(thread_count(), 1,
                  [&](int64_t, int64_t, int thread) { of_thread[thread] = bf16 ? best_of_bf16(seconds) : best_of_thread<float>(seconds); });
  double total = 0;
  for (const double rate : of_thread) total += rate;
  return total;
}

}  // namespace ayar::cpu::AYAR_ISA
