// Memory that a kernel needs for the time of one call. Kept and grown from call to call: its pages are faulted in once, not each step.
#pragma once

#include <cstdint>

namespace ayar {

// At least `bytes` bytes, aligned to a cache line, contents undefined; valid until the same function is called again on this thread.
// Whoever calls a kernel takes call_scratch, shared by its threads; a task inside a parallel region takes task_scratch, its thread's own.
// Both throw std::bad_alloc; inside a region that ends the process, so what may be large is taken before it starts.
void* call_scratch(int64_t bytes);
void* task_scratch(int64_t bytes);

}  // namespace ayar
