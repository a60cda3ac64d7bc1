// How a product is cut into tasks: blocks of rows that stay in the second-level cache while the panels stream by.
#pragma once

#include <algorithm>

#include "core/thread_pool.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu {

constexpr int64_t kRowStep = 24;           // whole tiles of 6 and of 8 rows
constexpr int64_t kRowsBytes = 256 << 10;  // of a block of rows: a quarter of a usual second-level cache
constexpr int64_t kMaxBlockRows = 96;      // enough to pay for bringing in a panel; small blocks share the work evenly

struct GemmTask {
  int64_t row_begin, row_end, panel_begin, panel_end;
};

// Calls body(GemmTask) for tasks that cover rows × panels. Where rows are few, the panels are shared out too.
template <class Body>
AYAR_INLINE void parallel_gemm(int64_t rows, int64_t panels, int64_t depth, const Body& body) {
  const int64_t threads = thread_count();
  const int64_t fitting = kRowsBytes / (4 * std::max<int64_t>(depth, 1)) / kRowStep * kRowStep;
  const int64_t block_rows = std::clamp(fitting, kRowStep, kMaxBlockRows);
  const int64_t steps = (rows + 5) / 6;
  const int64_t blocks = std::min(steps, round_up((rows + block_rows - 1) / block_rows, threads));
  const int64_t groups = (panels + 3) / 4;
  const int64_t parts = blocks >= threads || blocks == 0 ? 1 : std::min(groups, (threads + blocks - 1) / blocks);
  parallel_tasks(blocks * parts, [&](int64_t task, int) {
    const int64_t block = task / parts, part = task % parts;
    body(GemmTask{steps * block / blocks * 6, std::min(rows, steps * (block + 1) / blocks * 6), groups * part / parts * 4,
                  std::min(panels, groups * (part + 1) / parts * 4)});
  });
}

}  // namespace ayar::cpu
