// _native.clean: cleaning and span scanning over the buffers of an Arrow array. The GIL is released while they run.
#include "text/clean.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <utility>

#include "bindings/arrow_buffers.hpp"
#include "bindings/module.hpp"
#include "text/code_points.hpp"
#include "text/spans/spans.hpp"

using namespace pybind11::literals;

namespace ayar {
namespace {

py::dict by_operator(const std::array<int64_t, kCleanOperators>& counts) {
  py::dict named;
  for (int op = 0; op < kCleanOperators; ++op) named[kCleanOperatorNames[op]] = counts[op];
  return named;
}

py::tuple clean_arrow(const py::buffer& bytes, const py::buffer& offsets, int64_t first, int64_t rows, bool has_wide_offsets,
                      CleanMask operators, bool wants_edits) {
  CleanedBatch cleaned = with_batch(bytes, offsets, first, rows, has_wide_offsets, [operators, wants_edits](const TextBatch& batch) {
    return clean_batch(batch, operators, wants_edits);
  });
  py::object new_offsets = py::none(), new_bytes = py::none();
  if (cleaned.is_changed) {
    new_offsets = own(std::move(cleaned.offsets));
    new_bytes = own(std::move(cleaned.bytes));
  }
  BatchEdits& edits = cleaned.edits;
  return py::make_tuple(new_offsets, new_bytes, by_operator(cleaned.rows_touched), by_operator(cleaned.characters_changed),
                        by_operator(cleaned.doubtful),
                        py::make_tuple(own(std::move(edits.row)), own(std::move(edits.begin)), own(std::move(edits.end)),
                                       own(std::move(edits.new_begin)), own(std::move(edits.new_end))));
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
  module.def("clean_batch", &clean_arrow, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a, "operators"_a, "wants_edits"_a,
             "Returns (offsets int64, bytes uint8, rows touched, characters changed, doubtful ones left alone, edits); offsets and bytes "
             "are None where no row changed; "
             "edits are (row, begin, end, new_begin, new_end), int64, in bytes of the row.");
  module.def("find_spans", &find_spans_arrow, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a,
             "Returns (row int64, start int32, end int32, kind uint8): offsets in bytes of the row.");
}

}  // namespace ayar
