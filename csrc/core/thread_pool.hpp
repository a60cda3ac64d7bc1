// The one thread pool. It never nests, starts its threads at first use, and survives fork (the child starts its own).
#pragma once

#include <cstdint>

#include "core/macros.hpp"

namespace ayar {

// Threads that a parallel region uses, the caller included. AYAR_THREADS, or the cores this process may run on.
int thread_count();
void set_thread_count(int count);

namespace detail {
using Body = void (*)(void* context, int64_t begin, int64_t end, int thread);
void run_ranges(int64_t count, int64_t grain, void* context, Body body);
void run_tasks(int64_t count, void* context, Body body);
}  // namespace detail

// Static: splits [0, count) into one contiguous range a thread (multiples of grain) and calls body(begin, end, thread).
// The body must not throw. A region entered from inside another, or from a second thread, runs on the caller alone.
template <class Body>
AYAR_INLINE void parallel_ranges(int64_t count, int64_t grain, Body&& body) {
  detail::run_ranges(count, grain, &body, [](void* context, int64_t begin, int64_t end, int thread) {
    (*static_cast<decltype(&body)>(context))(begin, end, thread);
  });
}

// Dynamic: calls body(task, thread) for each task of [0, count); threads take the next task when they are free.
template <class Body>
AYAR_INLINE void parallel_tasks(int64_t count, Body&& body) {
  detail::run_tasks(count, &body,
                    [](void* context, int64_t begin, int64_t, int thread) { (*static_cast<decltype(&body)>(context))(begin, thread); });
}

// Calls body(row) for each row, in one contiguous range a thread.
template <class Body>
AYAR_INLINE void parallel_rows(int64_t rows, Body&& body) {
  parallel_ranges(rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

}  // namespace ayar
