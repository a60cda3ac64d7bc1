// Arrow's layout of a column of strings: one buffer of bytes, one of offsets. Borrowed; every row is present (nulls are the caller's).
#pragma once

#include <cstdint>
#include <exception>
#include <string_view>
#include <vector>

#include "core/macros.hpp"
#include "core/thread_pool.hpp"

namespace ayar {

class TextBatch {
 public:
  TextBatch(const char* bytes, const int32_t* offsets, int64_t rows) : bytes_(bytes), narrow_(offsets), rows_(rows) {}
  TextBatch(const char* bytes, const int64_t* offsets, int64_t rows) : bytes_(bytes), wide_(offsets), rows_(rows) {}

  int64_t rows() const { return rows_; }
  int64_t offset(int64_t row) const { return narrow_ != nullptr ? narrow_[row] : wide_[row]; }
  std::string_view operator[](int64_t row) const { return range(row, row + 1); }
  std::string_view range(int64_t first, int64_t last) const {
    return {bytes_ + offset(first), static_cast<size_t>(offset(last) - offset(first))};
  }

  // The first rows of pieces of about `bytes` bytes each, then rows().
  std::vector<int64_t> pieces(int64_t bytes) const {
    std::vector<int64_t> starts;
    int64_t next = INT64_MIN;
    for (int64_t row = 0; row < rows_; ++row) {
      if (offset(row) < next && (row - starts.back()) < bytes / 16) continue;
      starts.push_back(row);
      next = offset(row) + bytes;
    }
    starts.push_back(rows_);
    return starts;
  }

 private:
  const char* bytes_;
  const int32_t* narrow_ = nullptr;
  const int64_t* wide_ = nullptr;
  int64_t rows_;
};

// Calls body(piece, first_row, last_row) for each piece on the thread pool; the first exception comes out here.
template <class Body>
void for_each_piece(const std::vector<int64_t>& starts, const Body& body) {
  const int64_t pieces = static_cast<int64_t>(starts.size()) - 1;
  std::vector<std::exception_ptr> failures(starts.size());
  parallel_tasks(pieces, [&](int64_t piece, int) {
    try {
      body(piece, starts[piece], starts[piece + 1]);
    } catch (...) {
      failures[piece] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace ayar
