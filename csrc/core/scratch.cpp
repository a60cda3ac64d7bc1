#include "core/scratch.hpp"

#include <cstddef>
#include <new>

namespace ayar {
namespace {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { release(); }

  void* at_least(int64_t bytes) {
    if (bytes > size_) {
      release();
      data_ = ::operator new(static_cast<size_t>(bytes), kAlignment);
      size_ = bytes;
    }
    return data_;
  }

 private:
  static constexpr std::align_val_t kAlignment{64};

  void release() {
    ::operator delete(data_, kAlignment);
    data_ = nullptr;
    size_ = 0;
  }

  void* data_ = nullptr;
  int64_t size_ = 0;
};

thread_local Buffer call_buffer;
thread_local Buffer task_buffer;

}  // namespace

void* call_scratch(int64_t bytes) {
  return call_buffer.at_least(bytes);
}

void* task_scratch(int64_t bytes) {
  return task_buffer.at_least(bytes);
}

}  // namespace ayar
