// An array on huge pages: what is looked up all over it seldom misses the TLB then, and a prefetch whose address has no entry there is
// lost.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>

namespace ayar::text {

// Not initialized. Small arrays lie on ordinary pages.
template <class T>
std::shared_ptr<T[]> huge_array(size_t size) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const bool is_large = size * sizeof(T) >= kHugePage / 2;
  const auto alignment = static_cast<std::align_val_t>(is_large ? kHugePage : 64);
  const size_t bytes = is_large ? (size * sizeof(T) + kHugePage - 1) / kHugePage * kHugePage : size * sizeof(T);
  auto* const memory = static_cast<T*>(::operator new(bytes, alignment));
  if (is_large) madvise(memory, bytes, MADV_HUGEPAGE);  // before the first touch, or it does nothing
  return std::shared_ptr<T[]>(memory, [alignment](T* array) { ::operator delete(array, alignment); });
}

}  // namespace ayar::text
