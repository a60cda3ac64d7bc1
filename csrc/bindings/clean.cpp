// _native.clean: cleaning and span scanning over the buffers of an Arrow array. The GIL is released while they run.
#include "text/clean.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <utility>

#include "bindings/module.hpp"
#include "core/macros.hpp"
#include "text/code_points.hpp"
#include "text/spans/spans.hpp"
#include "text/text_batch.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {

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

py::tuple clean_arrow(const py::buffer& bytes, const py::buffer& offsets, int64_t first, int64_t rows, bool has_wide_offsets,
                      CleanMask operators) {
  CleanedBatch cleaned = with_batch(bytes, offsets, first, rows, has_wide_offsets,
                                    [operators](const TextBatch& batch) { return clean_batch(batch, operators); });
  py::dict counts;
  for (int op = 0; op < kCleanOperators; ++op) counts[kCleanOperatorNames[op]] = cleaned.rows_touched[op];
  if (!cleaned.is_changed) return py::make_tuple(py::none(), py::none(), counts);
  return py::make_tuple(own(std::move(cleaned.offsets)), own(std::move(cleaned.bytes)), counts);
}

py::tuple find_spans_arrow(const py::buffer& bytes, const py::buffer& offsets, int64_t first, int64_t rows, bool has_wide_offsets) {
  BatchSpans spans = with_batch(bytes, offsets, first, rows, has_wide_offsets, [](const TextBatch& batch) { return find_spans(batch); });
  return py::make_tuple(own(std::move(spans.row)), own(std::move(spans.begin)), own(std::move(spans.end)), own(std::move(spans.kind)));
}

}  // namespace

void bind_clean(py::module_ module) {
  module.attr("CLEAN_OPERATORS") = py::tuple(py::cast(kCleanOperatorNames));
  module.attr("SPAN_KINDS") = py::tuple(py::cast(kSpanKindNames));
  module.attr("UNICODE_VERSION") = unicode_version();
  module.def("clean_batch", &clean_arrow, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a, "operators"_a,
             "Returns (offsets int64, bytes uint8, rows touched by operator); the arrays are None where no row changed.");
  module.def("find_spans", &find_spans_arrow, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a,
             "Returns (row int64, start int32, end int32, kind uint8): offsets in bytes of the row.");
}

}  // namespace ayar
