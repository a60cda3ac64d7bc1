// Runs CUDA kernels on the CPU, for tests: each thread of a block is a fiber, so barriers and shuffles behave as on a chip, and misuse
// is an error instead of a hang: a barrier or warp operation that only some threads reach, or that a thread has left by returning.
// The order of threads is shuffled by a seed, and shared memory starts poisoned: run two seeds and compare to find a missing barrier.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#define __global__
#define __device__
#define __constant__ const
#define __restrict__
#define AYAR_SHARED(type, name, count) type* name = static_cast<type*>(ayar::emulation::shared_array(__COUNTER__, sizeof(type) * (count)))
#define AYAR_LAUNCH(kernel, grid, block, stream, ...) ayar::emulation::launch(#kernel, grid, block, [&] { kernel(__VA_ARGS__); })

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint4 {
  uint32_t x, y, z, w;
};
struct float4 {
  float x, y, z, w;
};
using cudaStream_t = void*;

namespace ayar::emulation {

enum class State { ready, at_barrier, at_warp_operation, finished };

constexpr size_t kWarp = 32;
constexpr size_t kStackBytes = 64 * 1024;

struct Fiber {
  ucontext_t context;
  std::vector<char> stack;
  State state = State::ready;
  uint64_t deposit = 0, result = 0;  // what a lane gives to a warp operation, and what it gets
  size_t source_lane = 0;
};

struct Block {
  std::vector<Fiber> fibers;
  std::map<int, std::vector<char>> shared;
  ucontext_t scheduler;
  size_t current = 0;
  const std::function<void()>* kernel = nullptr;

  size_t count(State state, size_t first, size_t last) const {
    size_t found = 0;
    for (size_t i = first; i < last; ++i) found += fibers[i].state == state ? 1 : 0;
    return found;
  }
};

inline Block* block = nullptr;
inline uint64_t seed = 0;
inline dim3 grid_dim, block_dim, block_index, thread_index;

inline void* shared_array(int id, size_t bytes) {
  std::vector<char>& storage = block->shared[id];
  if (storage.empty()) storage.assign(bytes, static_cast<char>(0xFF));  // as a float a NaN: an uninitialised read shows
  return storage.data();
}

inline void set_thread(size_t index) {
  const size_t width = block_dim.x, height = block_dim.y;
  block->current = index;
  thread_index = dim3(static_cast<unsigned>(index % width), static_cast<unsigned>(index / width % height),
                      static_cast<unsigned>(index / width / height));
}

inline void wait_as(State state) {
  Fiber& fiber = block->fibers[block->current];
  fiber.state = state;
  swapcontext(&fiber.context, &block->scheduler);
}

inline uint64_t exchange(uint64_t value, size_t source_lane) {
  Fiber& fiber = block->fibers[block->current];
  fiber.deposit = value;
  fiber.source_lane = source_lane;
  wait_as(State::at_warp_operation);
  return fiber.result;
}

inline void fiber_main() {
  (*block->kernel)();
  block->fibers[block->current].state = State::finished;
}

inline void complete_warp(size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) {
    Fiber& lane = block->fibers[i];
    const size_t source = first + lane.source_lane;
    lane.result = block->fibers[source < last ? source : i].deposit;
  }
  for (size_t i = first; i < last; ++i) block->fibers[i].state = State::ready;
}

// Everybody waits: lets the warps go on whose lanes all wait for their operation, or else the whole block from its barrier.
inline void release_waiting() {
  const size_t threads = block->fibers.size();
  bool released = false;
  for (size_t first = 0; first < threads; first += kWarp) {
    const size_t last = std::min(first + kWarp, threads);
    const size_t waiting = block->count(State::at_warp_operation, first, last);
    if (waiting == 0) continue;
    if (waiting != last - first) throw std::logic_error("a warp operation was reached by some lanes of a warp only");
    complete_warp(first, last);
    released = true;
  }
  if (released) return;
  if (block->count(State::at_barrier, 0, threads) != threads) {
    throw std::logic_error("a barrier was reached by some threads of a block only");
  }
  for (Fiber& fiber : block->fibers) fiber.state = State::ready;
}

inline void run_block(const std::function<void()>& kernel, std::mt19937_64& random) {
  const size_t threads = size_t{block_dim.x} * block_dim.y * block_dim.z;
  Block here;
  here.fibers.resize(threads);
  here.kernel = &kernel;
  block = &here;
  for (Fiber& fiber : here.fibers) {
    fiber.stack.resize(kStackBytes);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    fiber.context.uc_link = &here.scheduler;
    makecontext(&fiber.context, fiber_main, 0);
  }
  std::vector<size_t> order(threads);
  std::iota(order.begin(), order.end(), size_t{0});
  while (here.count(State::finished, 0, threads) != threads) {
    std::shuffle(order.begin(), order.end(), random);
    for (const size_t index : order) {
      if (here.fibers[index].state != State::ready) continue;
      set_thread(index);
      swapcontext(&here.scheduler, &here.fibers[index].context);
    }
    if (here.count(State::finished, 0, threads) != threads) release_waiting();
  }
  block = nullptr;
}

inline std::set<std::string> launched;  // names of the kernels that ran to their end

inline void launch(const char* name, dim3 grid, dim3 threads, const std::function<void()>& kernel) {
  std::mt19937_64 random(seed);
  grid_dim = grid;
  block_dim = threads;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        block_index = dim3(x, y, z);
        run_block(kernel, random);
      }
    }
  }
  launched.insert(name);
}

}  // namespace ayar::emulation

#define gridDim ayar::emulation::grid_dim
#define blockDim ayar::emulation::block_dim
#define blockIdx ayar::emulation::block_index
#define threadIdx ayar::emulation::thread_index

inline void __syncthreads() {
  ayar::emulation::wait_as(ayar::emulation::State::at_barrier);
}

namespace ayar::emulation {
template <class T>
T shuffled(T value, size_t source_lane) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  return std::bit_cast<T>(static_cast<Bits>(exchange(std::bit_cast<Bits>(value), source_lane)));
}
inline size_t lane() {
  return block->current % kWarp;
}
}  // namespace ayar::emulation

template <class T>
T __shfl_xor_sync(unsigned, T value, int lane_mask) {
  return ayar::emulation::shuffled(value, ayar::emulation::lane() ^ static_cast<size_t>(lane_mask));
}

// A lane with nobody `distance` below it gets its own value, as on a chip.
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned distance) {
  const size_t lane = ayar::emulation::lane();
  return ayar::emulation::shuffled(value, lane >= distance ? lane - distance : lane);
}

// Fibers take turns, so a plain addition is whole.
template <class T>
T atomicAdd(T* target, T value) {
  const T before = *target;
  *target = before + value;
  return before;
}

namespace ayar::cuda {
inline uint32_t pack_bfloat16(float first, float second) {
  const auto rounded = [](float value) -> uint32_t {
    const auto bits = std::bit_cast<uint32_t>(value);
    return std::isnan(value) ? 0x7FFFu : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  };
  return rounded(first) | (rounded(second) << 16);
}
}  // namespace ayar::cuda
