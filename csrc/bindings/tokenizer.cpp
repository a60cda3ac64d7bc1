// _native.tokenizer: a Tokenizer over arrays; ayar/text/tokenizer.py is its face.
#include "text/tokenizer.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/module.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {

using Bytes = py::array_t<uint8_t, py::array::c_style>;
using Offsets = py::array_t<int64_t, py::array::c_style>;
using Ids = py::array_t<int32_t, py::array::c_style>;

std::string string_of(PyObject* object) {
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(object, &size);
  if (data == nullptr) throw py::error_already_set();
  return {data, static_cast<size_t>(size)};
}

std::vector<text::AddedToken> added_tokens(const py::list& tokens) {
  std::vector<text::AddedToken> added;
  for (const py::handle item : tokens) {
    const auto [content, id, single_word, lstrip, rstrip] = item.cast<std::tuple<std::string, uint32_t, bool, bool, bool>>();
    added.push_back({content, id, single_word, lstrip, rstrip});
  }
  return added;
}

// vocabulary: {token: id}. merges: [[left, right], ...]. Added tokens: [(content, id, single_word, lstrip, rstrip), ...].
std::unique_ptr<text::Tokenizer> make_tokenizer(const py::dict& vocabulary, const py::list& merges, const py::list& raw_added,
                                                const py::list& normalized_added, text::Digits digits, text::Pattern pattern,
                                                bool ignore_merges, bool trims_offsets, bool keeps_first_space) {
  text::TokenizerParts parts;
  parts.vocabulary.reserve(vocabulary.size());
  for (const auto [token, id] : vocabulary) parts.vocabulary.push_back({string_of(token.ptr()), id.cast<uint32_t>()});
  parts.merges.reserve(merges.size());
  for (const py::handle merge : merges) {
    if (!PyList_CheckExact(merge.ptr()) || PyList_GET_SIZE(merge.ptr()) != 2) throw py::value_error("a merge must be a list of two tokens");
    parts.merges.emplace_back(string_of(PyList_GET_ITEM(merge.ptr(), 0)), string_of(PyList_GET_ITEM(merge.ptr(), 1)));
  }
  parts.raw_added = added_tokens(raw_added);
  parts.normalized_added = added_tokens(normalized_added);
  parts.pretokenizer = {digits, pattern};
  parts.ignore_merges = ignore_merges;
  parts.trim = {trims_offsets, keeps_first_space};
  return std::make_unique<text::Tokenizer>(std::move(parts));
}

// An array that owns what a unique_ptr owned.
template <class T, class Element>
py::array_t<Element> array_of(std::unique_ptr<T[]> data, std::vector<py::ssize_t> shape) {
  auto* const raw = reinterpret_cast<Element*>(data.get());
  py::capsule owner(data.release(), [](void* memory) { delete[] static_cast<T*>(memory); });
  return py::array_t<Element>(std::move(shape), raw, owner);
}

py::tuple encode_batch(const text::Tokenizer& tokenizer, const Bytes& data, const Offsets& offsets, bool with_spans) {
  const int64_t rows = offsets.size() - 1;
  if (rows < 0 || offsets.at(0) < 0 || offsets.at(rows) > data.size()) throw py::value_error("row offsets lie outside the data");
  text::TokenBatch batch;
  {
    const py::gil_scoped_release no_gil;
    batch = tokenizer.encode_batch(data.data(), offsets.data(), rows, with_spans);
  }
  const py::ssize_t count = batch.row_offsets.back();
  py::array_t<int64_t> row_offsets(static_cast<py::ssize_t>(batch.row_offsets.size()), batch.row_offsets.data());
  py::object spans = py::none();
  if (with_spans) spans = array_of<text::ByteSpan, int32_t>(std::move(batch.spans), {count, 2});
  return py::make_tuple(array_of<uint32_t, int32_t>(std::move(batch.ids), {count}), row_offsets, spans);
}

py::bytes decode(const text::Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  return py::bytes(tokenizer.decode(ids.data(), static_cast<size_t>(ids.size()), skip_special));
}

}  // namespace

void bind_tokenizer(py::module_ module) {
  py::enum_<text::Digits>(module, "Digits")
      .value("join", text::Digits::join)
      .value("runs", text::Digits::runs)
      .value("single", text::Digits::single);
  py::enum_<text::Pattern>(module, "Pattern")
      .value("whole", text::Pattern::whole)
      .value("gpt2", text::Pattern::gpt2)
      .value("llama3", text::Pattern::llama3)
      .value("qwen2", text::Pattern::qwen2);
  py::class_<text::Tokenizer>(module, "Tokenizer")
      .def(py::init(&make_tokenizer), "vocabulary"_a, "merges"_a, "raw_added"_a, "normalized_added"_a, "digits"_a, "pattern"_a,
           "ignore_merges"_a, "trims_offsets"_a, "keeps_first_space"_a)
      .def("mark_special", &text::Tokenizer::mark_special, "id"_a)
      .def("encode_batch", &encode_batch, "data"_a, "offsets"_a, "with_spans"_a)
      .def("decode", &decode, "ids"_a, "skip_special"_a);
}

}  // namespace ayar
