// How a product is cut into tasks: blocks of rows that all panels pass by, a few panels at a time kept in the second-level cache. The rows
// come from the outer cache, at a byte or so a cycle. A task pays once for what its panels need: widening, turning, bringing them in.
#pragma once

#include <algorithm>

#include "core/thread_pool.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu {

constexpr int64_t kMaxBlockRows = 1024;
constexpr int64_t kLeastBlockRows = 128;  // fewer rows a thread, and the threads share out the panels instead
constexpr int64_t kRowStep = 6;           // of a full tile

struct GemmTask {
  int64_t row_begin, row_end, panel_begin, panel_end;
};

// Calls body(GemmTask) for tasks that cover rows × panels.
template <class Body>
AYAR_INLINE void parallel_gemm(int64_t rows, int64_t panels, const Body& body) {
  const int64_t threads = thread_count();
  const int64_t steps = (rows + kRowStep - 1) / kRowStep;
  int64_t blocks = (rows + kMaxBlockRows - 1) / kMaxBlockRows, parts = 1;
  if (rows >= threads * kLeastBlockRows || panels == 1) {
    blocks = std::min(steps, round_up(blocks, threads));
  } else if (blocks != 0) {
    parts = std::min(panels, round_up(threads, blocks) / blocks);
  }
  parallel_tasks(blocks * parts, [&](int64_t task, int) {
    const int64_t block = task / parts, part = task % parts;
    body(GemmTask{steps * block / blocks * kRowStep, std::min(rows, steps * (block + 1) / blocks * kRowStep), panels * part / parts,
                  panels * (part + 1) / parts});
  });
}

}  // namespace ayar::cpu
