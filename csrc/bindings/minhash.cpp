// _native.minhash: signatures and near-duplicates over the buffers of an Arrow array. The GIL is released while they run.
#include <pybind11/pybind11.h>

#include <string>

#include "bindings/arrow_buffers.hpp"
#include "bindings/module.hpp"
#include "text/minhash/near_duplicates.hpp"
#include "text/minhash/signatures.hpp"

using namespace pybind11::literals;

namespace ayar {
namespace {

ShingleKind shingle_kind(const std::string& unit, int width) {
  AYAR_REQUIRE(unit == "characters" || unit == "words");
  return {unit == "words" ? ShingleUnit::words : ShingleUnit::characters, width};
}

py::array signatures_arrow(const py::buffer& bytes, const py::buffer& offsets, int64_t first, int64_t rows, bool has_wide_offsets,
                           const std::string& unit, int width, int permutations, uint64_t seed) {
  const ShingleKind kind = shingle_kind(unit, width);
  const Permutations functions(permutations, seed);
  py::array_t<uint32_t> signatures({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(permutations)});
  uint32_t* const out = signatures.mutable_data();
  with_batch(bytes, offsets, first, rows, has_wide_offsets, [&](const TextBatch& batch) {
    minhash_signatures(batch, kind, functions, out);
    return 0;
  });
  return signatures;
}

py::array near_duplicates_arrow(const py::buffer& bytes, const py::buffer& offsets, int64_t first, int64_t rows, bool has_wide_offsets,
                                const std::string& unit, int width, double threshold, int permutations, uint64_t seed) {
  const ShingleKind kind = shingle_kind(unit, width);
  return own(with_batch(bytes, offsets, first, rows, has_wide_offsets,
                        [&](const TextBatch& batch) { return find_near_duplicates(batch, kind, threshold, permutations, seed); }));
}

}  // namespace

void bind_minhash(py::module_ module) {
  module.def("signatures", &signatures_arrow, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a, "unit"_a, "width"_a,
             "permutations"_a, "seed"_a, "Returns (rows, permutations) uint32.");
  module.def("near_duplicates", &near_duplicates_arrow, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a, "unit"_a,
             "width"_a, "threshold"_a, "permutations"_a, "seed"_a,
             "Returns (rows,) int64: the kept earlier row that a row repeats, or -1.");
}

}  // namespace ayar
