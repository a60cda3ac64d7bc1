// Working memory of one call, kept by each thread from call to call: a training step must not pay for page faults again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/macros.hpp"

namespace ayar {

// One buffer a purpose and thread, so that buffers that live at the same time never overlap. `call`: an op's, shared by its threads for
// the time of a call; `task`: a task's own inside the op's parallel region.
enum class Scratch : uint8_t {
  rows,
  border_rows,
  panels,
  border_panels,
  turned_panels,
  partial_sums,
  adapter_in,
  adapter_out,
  adapter_rows,
  adapter_ranges,
  low_rank,
  low_rank_rows,
  rounded_rows,
  staged_u,
  staged_v,
  outer_rows,
  outer_sums,
  frozen_panels,
  block_sums,
  block_product,
  masked_rows,
  masks,
  int8_codes,
  int8_scales,
  int8_sums,
  int8_row,
  call,
  schedule,
  partial_gradients,
  task,
  count
};

namespace detail {
void* scratch(Scratch purpose, size_t bytes);
}

// At least `count` elements, 64-byte aligned, not initialised; valid until this thread asks for the same purpose again.
template <class T>
AYAR_INLINE T* scratch(Scratch purpose, int64_t count) {
  return static_cast<T*>(detail::scratch(purpose, static_cast<size_t>(count) * sizeof(T)));
}

}  // namespace ayar
