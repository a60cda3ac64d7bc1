#include "core/scratch.hpp"

#include "core/aligned_buffer.hpp"

namespace ayar::detail {

void* scratch(Scratch purpose, size_t bytes) {
  thread_local AlignedBuffer buffers[static_cast<size_t>(Scratch::count)];
  AlignedBuffer& buffer = buffers[static_cast<size_t>(purpose)];
  if (buffer.size() < bytes) buffer = AlignedBuffer(bytes + bytes / 4);
  return buffer.data();
}

}  // namespace ayar::detail
