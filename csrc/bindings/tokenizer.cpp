// _native.tokenizer: images of tokenizers, and a Tokenizer over one; ayar/text/tokenizer.py is its face.
#include "text/tokenizer.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <system_error>

#include "bindings/module.hpp"
#include "text/encoder.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace ayar {
namespace {

using Bytes = py::array_t<uint8_t, py::array::c_style>;
using Offsets = py::array_t<int64_t, py::array::c_style>;
using Ids = py::array_t<int32_t, py::array::c_style>;
using Image = std::shared_ptr<const text::CompiledImage>;

std::string_view view_of(PyObject* object) {
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(object, &size);
  if (data == nullptr) throw py::error_already_set();
  return {data, static_cast<size_t>(size)};
}

std::string_view view_of(const py::buffer_info& buffer) {
  return {static_cast<const char*>(buffer.ptr), static_cast<size_t>(buffer.size * buffer.itemsize)};
}

// A merge is "left right" or [left, right].
std::pair<std::string, std::string> merge_of(PyObject* merge) {
  if (PyUnicode_Check(merge)) {
    const std::string_view both = view_of(merge);
    const size_t space = both.find(' ');
    if (space != std::string_view::npos) return {std::string(both.substr(0, space)), std::string(both.substr(space + 1))};
  } else if (PyList_CheckExact(merge) && PyList_GET_SIZE(merge) == 2) {
    return {std::string(view_of(PyList_GET_ITEM(merge, 0))), std::string(view_of(PyList_GET_ITEM(merge, 1)))};
  }
  throw py::value_error("a merge must be a list of two tokens");
}

// vocabulary: {token: id}. merges: of a BPE model. scores: {id: score} of a Unigram model.
Image build_image(const py::bytes& settings, const py::dict& vocabulary, const py::list& merges, const py::list& scores,
                  const text::Digest& source) {
  std::vector<text::VocabularyEntry> entries;
  entries.reserve(vocabulary.size());
  for (const auto [token, id] : vocabulary) entries.push_back({std::string(view_of(token.ptr())), id.cast<uint32_t>()});
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(merges.size());
  for (const py::handle merge : merges) pairs.push_back(merge_of(merge.ptr()));
  const auto numbers = scores.cast<std::vector<double>>();
  const py::gil_scoped_release no_gil;
  text::ImageBuilder image;
  image.add_bytes(text::Section::settings,
                  std::string_view(PyBytes_AS_STRING(settings.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(settings.ptr()))));
  text::Vocabulary::build(entries, image);
  text::Bpe::build(entries, pairs, image);
  text::SentencePieceCuts::build(pairs, image);
  image.add<double>(text::Section::scores, numbers);
  return text::CompiledImage::own(image.finish(source));
}

Image with_seeds(const Image& image, const text::Tokenizer& tokenizer, const std::vector<std::string>& pieces) {
  const py::gil_scoped_release no_gil;
  text::ImageBuilder builder;
  builder.add_all_but(text::Section::seed_slots, *image);
  const std::vector<text::PieceSlot> slots = tokenizer.seeds(pieces);
  builder.add<text::PieceSlot>(text::Section::seed_slots, slots);
  std::vector<uint32_t> unmerged = tokenizer.unmerged();
  unmerged.insert(unmerged.begin(), 1);
  builder.add<uint32_t>(text::Section::unmerged, unmerged);
  return text::CompiledImage::own(builder.finish(image->source()));
}

std::vector<text::AddedToken> added_tokens(const py::handle& tokens) {
  std::vector<text::AddedToken> added;
  for (const py::handle item : tokens) {
    const auto [content, id, single_word, lstrip, rstrip] = item.cast<std::tuple<std::string, uint32_t, bool, bool, bool>>();
    added.push_back({content, id, single_word, lstrip, rstrip});
  }
  return added;
}

text::SplitStep split_step(const py::dict& step) {
  text::SplitStep made;
  made.kind = step["kind"].cast<text::StepKind>();
  if (step.contains("cut")) made.cut = step["cut"].cast<text::Cut>();
  if (step.contains("behavior")) made.behavior = step["behavior"].cast<text::Behavior>();
  if (step.contains("prepend")) made.prepend = step["prepend"].cast<text::Prepend>();
  if (step.contains("splits")) made.splits = step["splits"].cast<bool>();
  if (step.contains("prefix_space")) made.prefix_space = step["prefix_space"].cast<bool>();
  if (step.contains("pattern")) made.pattern = step["pattern"].cast<std::string>();
  return made;
}

uint32_t id_or_none(const py::object& id) {
  return id.is_none() ? text::kNoToken : id.cast<uint32_t>();
}

// settings: what tokenizer_json.py makes; see there.
std::unique_ptr<text::Tokenizer> make_tokenizer(const Image& image, const py::dict& settings) {
  text::TokenizerSettings made;
  const py::dict model = settings["model"];
  const auto kind = model["kind"].cast<std::string>();
  if (kind == "bpe") {
    made.model = text::BpeSettings{model["is_byte_level"].cast<bool>(), model["ignore_merges"].cast<bool>(),
                                   model["byte_fallback"].cast<bool>(), model["fuse_unk"].cast<bool>(), id_or_none(model["unk_id"])};
  } else if (kind == "wordpiece") {
    made.model =
        text::WordPieceSettings{model["prefix"].cast<std::string>(), model["max_chars"].cast<uint32_t>(), model["unk_id"].cast<uint32_t>()};
  } else {
    made.model = text::UnigramSettings{model["unk_id"].cast<uint32_t>(), model["byte_fallback"].cast<bool>()};
  }
  for (const py::handle item : settings["normalizer"]) {
    const auto [step, pattern, content] = item.cast<std::tuple<text::Normal, std::string, std::string>>();
    made.normalizer.push_back({step, pattern, content});
  }
  for (const py::handle step : settings["splits"]) made.splits.push_back(split_step(step.cast<py::dict>()));
  made.raw_added = added_tokens(settings["raw_added"]);
  made.normalized_added = added_tokens(settings["normalized_added"]);
  made.trim = {settings["trims_offsets"].cast<bool>(), settings["keeps_first_space"].cast<bool>()};
  return std::make_unique<text::Tokenizer>(image, std::move(made));
}

// An array that owns what a unique_ptr owned.
template <class Element, class T, class Delete>
py::array_t<Element> array_of(std::unique_ptr<T[], Delete> data, std::vector<py::ssize_t> shape) {
  auto* const raw = reinterpret_cast<Element*>(data.get());
  py::capsule owner(data.release(), [](void* memory) { Delete()(static_cast<T*>(memory)); });
  return py::array_t<Element>(std::move(shape), raw, owner);
}

py::tuple encode_batch(const text::Tokenizer& tokenizer, const Bytes& data, const Offsets& offsets, bool with_spans) {
  const int64_t rows = offsets.size() - 1;
  if (rows < 0 || offsets.at(0) < 0 || offsets.at(rows) > data.size()) throw py::value_error("row offsets lie outside the data");
  text::TokenBatch batch;
  {
    const py::gil_scoped_release no_gil;
    batch = tokenizer.encode_batch(data.data(), data.data() + data.size(), offsets.data(), rows, with_spans);
  }
  const py::ssize_t count = batch.row_offsets.back();
  py::array_t<int64_t> row_offsets(static_cast<py::ssize_t>(batch.row_offsets.size()), batch.row_offsets.data());
  py::object spans = py::none();
  if (with_spans) spans = array_of<int32_t>(std::move(batch.spans), {count, 2});
  return py::make_tuple(array_of<int32_t>(std::move(batch.ids), {count}), row_offsets, spans);
}

py::bytes decode(const text::Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  return py::bytes(tokenizer.decode(ids.data(), static_cast<size_t>(ids.size()), skip_special));
}

py::object token(const text::Tokenizer& tokenizer, uint32_t id) {
  const auto found = tokenizer.token(id);
  return found ? py::object(py::str(std::string(*found))) : py::none();
}

py::object find(const text::Tokenizer& tokenizer, const std::string& content) {
  const uint32_t id = tokenizer.find(content);
  return id == text::kNoToken ? py::object(py::none()) : py::object(py::int_(id));
}

}  // namespace

void bind_tokenizer(py::module_ module) {
  using text::Cut, text::Normal, text::StepKind, text::Behavior, text::Prepend, text::Plan;
  py::register_exception<text::DamagedImage>(module, "DamagedImage", PyExc_ValueError);
  py::enum_<Cut>(module, "Cut")
      .value("digit_runs", Cut::digit_runs)
      .value("digits_single", Cut::digits_single)
      .value("number_triples", Cut::number_triples)
      .value("number_single", Cut::number_single)
      .value("cjk_runs", Cut::cjk_runs)
      .value("gpt2", Cut::gpt2)
      .value("llama3", Cut::llama3)
      .value("qwen2", Cut::qwen2)
      .value("o200k", Cut::o200k)
      .value("tekken", Cut::tekken)
      .value("deepseek", Cut::deepseek);
  py::enum_<Normal>(module, "Normal")
      .value("nfc", Normal::nfc)
      .value("nfd", Normal::nfd)
      .value("nfkc", Normal::nfkc)
      .value("nfkd", Normal::nfkd)
      .value("lowercase", Normal::lowercase)
      .value("strip_left", Normal::strip_left)
      .value("strip_right", Normal::strip_right)
      .value("strip_both", Normal::strip_both)
      .value("strip_accents", Normal::strip_accents)
      .value("replace", Normal::replace)
      .value("collapse_spaces", Normal::collapse_spaces)
      .value("prepend", Normal::prepend)
      .value("bert_clean", Normal::bert_clean)
      .value("bert_ideographs", Normal::bert_ideographs)
      .value("bert_accents", Normal::bert_accents);
  py::enum_<StepKind>(module, "StepKind")
      .value("cut", StepKind::cut)
      .value("byte_level", StepKind::byte_level)
      .value("metaspace", StepKind::metaspace)
      .value("whitespace_split", StepKind::whitespace_split)
      .value("words", StepKind::words)
      .value("bert", StepKind::bert)
      .value("punctuation", StepKind::punctuation)
      .value("literal", StepKind::literal);
  py::enum_<Behavior>(module, "Behavior")
      .value("isolated", Behavior::isolated)
      .value("removed", Behavior::removed)
      .value("merged_with_previous", Behavior::merged_with_previous)
      .value("merged_with_next", Behavior::merged_with_next)
      .value("contiguous", Behavior::contiguous);
  py::enum_<Prepend>(module, "Prepend").value("never", Prepend::never).value("first", Prepend::first).value("always", Prepend::always);
  py::enum_<Plan>(module, "Plan")
      .value("byte_level", Plan::byte_level)
      .value("sentencepiece", Plan::sentencepiece)
      .value("words", Plan::words)
      .value("pieces", Plan::pieces);
  module.def("digest", [](const py::buffer& bytes) { return text::digest_of(view_of(bytes.request())); }, "bytes"_a);
  py::class_<text::CompiledImage, std::shared_ptr<text::CompiledImage>>(module, "Image", py::buffer_protocol())
      .def_property_readonly("settings",
                             [](const text::CompiledImage& image) { return py::bytes(std::string(image.text(text::Section::settings))); })
      .def_buffer([](text::CompiledImage& image) {
        const std::string_view bytes = image.bytes();
        return py::buffer_info(const_cast<char*>(bytes.data()), 1, py::format_descriptor<uint8_t>::format(), 1,
                               {static_cast<py::ssize_t>(bytes.size())}, {1}, true);
      });
  const auto shared = [](Image image) { return std::const_pointer_cast<text::CompiledImage>(std::move(image)); };  // pybind knows no const
  module.def(
      "build_image",
      [shared](const py::bytes& settings, const py::dict& vocabulary, const py::list& merges, const py::list& scores,
               const text::Digest& source) { return shared(build_image(settings, vocabulary, merges, scores, source)); },
      "settings"_a, "vocabulary"_a, "merges"_a, "scores"_a, "source"_a);
  module.def(
      "map_image",
      [shared](const std::string& path, const text::Digest& source) {
        try {
          return shared(text::CompiledImage::map(path, source));
        } catch (const std::system_error& error) {
          errno = error.code().value();
          PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
          throw py::error_already_set();
        }
      },
      "path"_a, "source"_a);
  module.def(
      "with_seeds",
      [shared](const std::shared_ptr<text::CompiledImage>& image, const text::Tokenizer& tokenizer,
               const std::vector<std::string>& pieces) { return shared(with_seeds(image, tokenizer, pieces)); },
      "image"_a, "tokenizer"_a, "pieces"_a);
  py::class_<text::Tokenizer>(module, "Tokenizer")
      .def(py::init(
               [](const std::shared_ptr<text::CompiledImage>& image, const py::dict& settings) { return make_tokenizer(image, settings); }),
           "image"_a, "settings"_a)
      .def_property_readonly("plan", &text::Tokenizer::plan)
      .def_property_readonly("has_blocks", [](const text::Tokenizer& tokenizer) { return tokenizer.blocks().has_value(); })
      .def_property_readonly("size", &text::Tokenizer::size)
      .def_property_readonly("id_bound", &text::Tokenizer::id_bound)
      .def("token", &token, "id"_a)
      .def("find", &find, "token"_a)
      .def("mark_special", &text::Tokenizer::mark_special, "id"_a)
      .def("is_special", &text::Tokenizer::is_special, "id"_a)
      .def("encode_batch", &encode_batch, "data"_a, "offsets"_a, "with_spans"_a)
      .def("decode", &decode, "ids"_a, "skip_special"_a);
}

}  // namespace ayar
