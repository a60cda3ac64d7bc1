// Columns of strings between Python and the text core: Arrow's buffers in, arrays that own what the core made out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "core/macros.hpp"
#include "text/text_batch.hpp"

namespace ayar {

namespace py = pybind11;

// Hands a vector or string over to Python without a copy: the array owns it.
template <class Container>
py::array own(Container&& values) {
  using Value = typename std::decay_t<Container>::value_type;
  using Element = std::conditional_t<std::is_same_v<Value, char>, uint8_t, Value>;
  auto owned = std::make_unique<std::decay_t<Container>>(std::forward<Container>(values));
  const auto size = static_cast<py::ssize_t>(owned->size());
  const auto* data = reinterpret_cast<const Element*>(owned->data());
  py::capsule owner(owned.release(), [](void* container) { delete static_cast<std::decay_t<Container>*>(container); });
  return py::array_t<Element>(size, data, owner);
}

template <class Offset>
TextBatch checked_batch(const py::buffer_info& bytes, const py::buffer_info& offsets, int64_t first, int64_t rows) {
  const int64_t count = offsets.size * offsets.itemsize / static_cast<int64_t>(sizeof(Offset));
  AYAR_REQUIRE(first >= 0 && rows >= 0 && first + rows < count);
  const Offset* begin = static_cast<const Offset*>(offsets.ptr) + first;
  AYAR_REQUIRE(begin[0] >= 0 && begin[rows] <= bytes.size * bytes.itemsize);
  for (int64_t row = 0; row < rows; ++row) AYAR_REQUIRE(begin[row] <= begin[row + 1]);
  return {static_cast<const char*>(bytes.ptr), begin, rows};
}

// Calls body with the rows [first, first + rows) of a string array's buffers, without the GIL.
template <class Body>
auto with_batch(const py::buffer& bytes, const py::buffer& offsets, int64_t first, int64_t rows, bool has_wide_offsets, const Body& body) {
  const py::buffer_info bytes_info = bytes.request(), offsets_info = offsets.request();
  const TextBatch batch = has_wide_offsets ? checked_batch<int64_t>(bytes_info, offsets_info, first, rows)
                                           : checked_batch<int32_t>(bytes_info, offsets_info, first, rows);
  const py::gil_scoped_release no_gil;
  return body(batch);
}

}  // namespace ayar
