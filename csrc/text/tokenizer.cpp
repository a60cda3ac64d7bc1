#include "text/tokenizer.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>

#include "core/thread_pool.hpp"
#include "text/block_utf8.hpp"
#include "text/byte_alphabet.hpp"
#include "text/encoder.hpp"
#include "text/unicode_classes.hpp"
#include "text/utf8.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr int64_t kTaskBytes = 128 << 10;
constexpr std::string_view kMetaspace = "▁";

struct Task {
  int64_t first_row, last_row;
  int thread = 0;               // whose encoder holds the ids
  size_t begin = 0, count = 0;  // of the ids there
  int64_t first_id = 0;         // in the batch
};

std::vector<Task> tasks_of(const int64_t* offsets, int64_t rows, int64_t task_bytes) {
  std::vector<Task> tasks;
  for (int64_t row = 0; row < rows;) {
    int64_t last = row + 1;
    while (last < rows && offsets[last + 1] - offsets[row] <= task_bytes) ++last;
    tasks.emplace_back();
    tasks.back().first_row = row;
    tasks.back().last_row = last;
    row = last;
  }
  return tasks;
}

std::vector<AddedToken> with_normalized_content(std::vector<AddedToken> tokens, const Normalizer& normalizer) {
  if (normalizer.empty()) return tokens;
  for (AddedToken& token : tokens) token.content = normalizer.apply(token.content);
  return tokens;
}

std::variant<Bpe, WordPiece, Unigram> make_model(const CompiledImage& image, const Vocabulary& vocabulary,
                                                 const TokenizerSettings& settings) {
  if (const auto* const bpe = std::get_if<BpeSettings>(&settings.model)) return Bpe(image, vocabulary, *bpe);
  if (const auto* const wordpiece = std::get_if<WordPieceSettings>(&settings.model)) return WordPiece(vocabulary, *wordpiece);
  return Unigram(image, vocabulary, std::get<UnigramSettings>(settings.model));
}

bool is_normal(const NormalStep& step, Normal kind) {
  return step.kind == kind;
}

bool replaces_spaces(const NormalStep& step) {
  return step.kind == Normal::replace && step.pattern == " " && step.content == kMetaspace;
}

}  // namespace

OuterSpaces outer_spaces_of(std::string_view text) {
  constexpr uint32_t kSpace = 0x120;
  const auto is_white = [](const uint8_t* p) {
    const uint32_t c = char_at(p).code_point;
    return c == kSpace || (char_traits(c) & kClassMask) == kWhite;
  };
  const auto* const begin = reinterpret_cast<const uint8_t*>(text.data());
  const auto* const end = begin + text.size();
  OuterSpaces spaces;
  for (const uint8_t* p = begin; p < end && is_white(p) && spaces.leading < UINT16_MAX; p += char_bytes(*p)) ++spaces.leading;
  for (const uint8_t* p = end; p > begin && is_white(char_before(p)) && spaces.trailing < UINT16_MAX; p = char_before(p)) ++spaces.trailing;
  return spaces;
}

Tokenizer::Tokenizer(std::shared_ptr<const CompiledImage> image, TokenizerSettings settings)
    : image_(std::move(image)),
      settings_(std::move(settings)),
      vocabulary_(*image_),
      model_(make_model(*image_, vocabulary_, settings_)),
      normalizer_(settings_.normalizer),
      raw_added_(settings_.raw_added),
      normalized_added_(with_normalized_content(settings_.normalized_added, normalizer_)),
      seed_slots_(checked_seeds(*image_, vocabulary_.id_count())) {
  uint32_t ids = vocabulary_.id_count();
  for (const auto* added : {&settings_.raw_added, &settings_.normalized_added}) {
    for (const AddedToken& token : *added) {
      if (token.id >= kMaxIds) throw std::invalid_argument("token id " + std::to_string(token.id) + " is over 2,097,151");
      ids = std::max(ids, token.id + 1);
      added_.emplace_back(token.content, token.id);
    }
  }
  std::sort(added_.begin(), added_.end());
  is_special_.resize(ids);
  is_renamed_.resize(ids);
  added_of_id_.resize(ids);
  size_ = vocabulary_.size();
  for (const auto& [content, id] : added_) {
    if (vocabulary_.has(id)) continue;
    added_of_id_[id] = &content;
    ++size_;
  }
  for (const AddedToken& token : settings_.normalized_added) normalized_contents_.push_back(normalizer_.apply(token.content));
  for (size_t i = 0; i < normalized_contents_.size(); ++i) {
    const AddedToken& token = settings_.normalized_added[i];
    if (normalized_contents_[i] == token.content) continue;
    is_renamed_[token.id] = true;
    added_of_id_[token.id] = &normalized_contents_[i];
  }
  plan_ = choose_plan();
}

Tokenizer::~Tokenizer() = default;

Plan Tokenizer::choose_plan() {
  const bool is_bpe = std::holds_alternative<Bpe>(model_);
  if (is_bpe && bpe().settings().is_byte_level) {
    const bool is_nfc = normalizer_.steps().size() == 1 && is_normal(normalizer_.steps()[0], Normal::nfc);
    for (const SplitStep& step : settings_.splits) {
      if (step.prefix_space || (step.kind != StepKind::cut && step.kind != StepKind::byte_level)) return Plan::pieces;
      if (step.kind == StepKind::cut) plain_.cuts.push_back(step.cut);
    }
    if (!normalizer_.empty() && !is_nfc) return Plan::pieces;
    if (const auto family = family_of(plain_.cuts)) blocks_.emplace(*family, best_ascii_masks());
    return Plan::byte_level;
  }
  if (is_bpe) return is_sentencepiece() ? Plan::sentencepiece : Plan::pieces;
  const bool is_bert = settings_.splits.size() == 1 && settings_.splits[0].kind == StepKind::bert;
  const bool acts_on_single_words = std::all_of(normalizer_.steps().begin(), normalizer_.steps().end(), [](const NormalStep& step) {
    constexpr Normal kinds[] = {Normal::bert_clean, Normal::bert_ideographs, Normal::bert_accents, Normal::lowercase, Normal::nfd,
                                Normal::nfkd,       Normal::strip_accents};
    return std::find(std::begin(kinds), std::end(kinds), step.kind) != std::end(kinds);
  });
  return is_bert && acts_on_single_words && std::holds_alternative<WordPiece>(model_) ? Plan::words : Plan::pieces;
}

// Spaces become ▁, one may come before the text, and nothing else happens before the merges.
bool Tokenizer::is_sentencepiece() {
  if (!bpe().drops_nothing()) return false;
  bool has_spaces = true, cuts_at_spaces = false;
  for (const NormalStep& step : normalizer_.steps()) {
    if (is_normal(step, Normal::prepend) && step.content == kMetaspace && has_spaces && !prepends_always_) {
      prepends_always_ = true;
    } else if (replaces_spaces(step) && has_spaces) {
      has_spaces = false;
    } else {
      return false;
    }
  }
  for (const SplitStep& step : settings_.splits) {
    if (step.kind == StepKind::literal && step.pattern == " " && !has_spaces) continue;  // nothing is left for it to find
    if (step.kind != StepKind::metaspace || cuts_at_spaces || &step != &settings_.splits.back()) return false;
    has_spaces = false;
    prepend_ = step.prepend;
    cuts_at_spaces = step.splits;
  }
  if (has_spaces || (prepends_always_ && prepend_ != Prepend::never)) return false;
  cuts_.emplace(*image_, cuts_at_spaces);
  return !cuts_->merges_bytes();
}

// Never waits for the lock: a child of fork may find it held by a thread that does not exist there.
std::unique_ptr<Encoder> Tokenizer::take_encoder() const {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock || idle_.empty()) return std::make_unique<Encoder>(*this);
  std::unique_ptr<Encoder> encoder = std::move(idle_.back());
  idle_.pop_back();
  return encoder;
}

void Tokenizer::give_back(std::unique_ptr<Encoder> encoder) const {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock) return;
  encoder->clear();
  idle_.push_back(std::move(encoder));
}

TokenBatch Tokenizer::encode_batch(const uint8_t* data, const uint8_t* data_end, const int64_t* offsets, int64_t rows,
                                   bool with_spans) const {
  for (int64_t row = 0; row < rows; ++row) {
    if (offsets[row + 1] < offsets[row]) throw std::invalid_argument("row offsets must not fall");
    if (offsets[row + 1] - offsets[row] > INT32_MAX / 4) throw std::invalid_argument("a row of more than 512 MiB");
  }
  const int threads = thread_count();
  std::vector<Task> tasks = tasks_of(offsets, rows, threads == 1 ? INT64_MAX : kTaskBytes);
  std::vector<std::unique_ptr<Encoder>> encoders(static_cast<size_t>(threads));
  std::vector<std::exception_ptr> failures(static_cast<size_t>(threads));
  TokenBatch batch;
  batch.row_offsets.assign(static_cast<size_t>(rows) + 1, 0);
  parallel_tasks(static_cast<int64_t>(tasks.size()), [&](int64_t index, int thread) {
    std::unique_ptr<Encoder>& encoder = encoders[static_cast<size_t>(thread)];
    try {
      if (encoder == nullptr) {
        encoder = take_encoder();
        encoder->expect(static_cast<size_t>(offsets[rows] - offsets[0]) / static_cast<size_t>(threads));
      }
      Task& task = tasks[static_cast<size_t>(index)];
      task.thread = thread;
      task.begin = encoder->count();
      std::string repaired;
      for (int64_t row = task.first_row; row < task.last_row; ++row) {
        const size_t before = encoder->count();
        const std::string_view text(reinterpret_cast<const char*>(data + offsets[row]),
                                    static_cast<size_t>(offsets[row + 1] - offsets[row]));
        if (!is_well_formed(text) && utf8::repair(text, repaired)) {
          encoder->encode(repaired, with_spans, reinterpret_cast<const uint8_t*>(repaired.data() + repaired.size()));
        } else {
          encoder->encode(text, with_spans, data_end);
        }
        batch.row_offsets[static_cast<size_t>(row) + 1] = static_cast<int64_t>(encoder->count() - before);
      }
      task.count = encoder->count() - task.begin;
    } catch (...) {
      failures[static_cast<size_t>(thread)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  int64_t total = 0;
  for (Task& task : tasks) {
    task.first_id = total;
    total += static_cast<int64_t>(task.count);
  }
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) batch.row_offsets[row + 1] += batch.row_offsets[row];
  if (with_spans) batch.spans = std::make_unique_for_overwrite<ByteSpan[]>(static_cast<size_t>(total));
  if (tasks.size() == 1 && total > 0) batch.ids = encoders[static_cast<size_t>(tasks[0].thread)]->take_ids();
  const bool copies_ids = batch.ids == nullptr;
  if (copies_ids) batch.ids = allocate_ids(static_cast<size_t>(total));
  parallel_tasks(static_cast<int64_t>(tasks.size()), [&](int64_t index, int) {
    const Task& task = tasks[static_cast<size_t>(index)];
    const Encoder& encoder = *encoders[static_cast<size_t>(task.thread)];
    if (copies_ids) std::copy_n(encoder.ids() + task.begin, task.count, batch.ids.get() + task.first_id);
    if (with_spans) {
      std::copy_n(encoder.spans().begin() + static_cast<std::ptrdiff_t>(task.begin), task.count, batch.spans.get() + task.first_id);
    }
  });
  for (std::unique_ptr<Encoder>& encoder : encoders) {
    if (encoder != nullptr) give_back(std::move(encoder));
  }
  return batch;
}

void Tokenizer::encode_piece(std::string_view piece, std::vector<uint32_t>& ids, std::vector<uint32_t>& widths) const {
  std::visit([&](const auto& model) { model.encode(piece, ids, widths); }, model_);
}

std::optional<std::string_view> Tokenizer::token(uint32_t id) const {
  if (id < added_of_id_.size() && added_of_id_[id] != nullptr) return *added_of_id_[id];
  if (vocabulary_.has(id)) return vocabulary_.token(id);
  return std::nullopt;
}

uint32_t Tokenizer::find(std::string_view token) const {
  const uint32_t id = vocabulary_.find(token);
  if (id != kNoToken) return id;
  const auto found =
      std::lower_bound(added_.begin(), added_.end(), token, [](const auto& entry, std::string_view t) { return entry.first < t; });
  return found != added_.end() && found->first == token ? found->second : kNoToken;
}

std::vector<PieceSlot> Tokenizer::seeds(const std::vector<std::string>& pieces) const {
  std::vector<PieceSlot> slots;
  if (plan_ != Plan::byte_level && plan_ != Plan::sentencepiece) return slots;
  size_t size = 1 << 10;
  while (size < 2 * pieces.size()) size *= 2;
  slots.resize(size);
  std::vector<uint32_t> ids(3 * kShortPiece + 1);
  std::string written;
  for (const std::string& piece : pieces) {
    if (piece.empty() || piece.size() > kShortPiece) continue;
    written.clear();
    for (const char byte : piece) {
      if (plan_ == Plan::sentencepiece && byte == ' ') {
        written += kMetaspace;
      } else {
        written += byte;
      }
    }
    const size_t count = bpe().encode(written, ids.data());
    if (count == 0 || count > kShortIds) continue;
    const PieceKey key = key_of(reinterpret_cast<const uint8_t*>(piece.data()), piece.size());
    place_piece(slots.data(), size, PieceSlot::of(key, ids.data(), count), key.hash());  // the first come stay
  }
  return slots;
}

std::string Tokenizer::decode(const int32_t* ids, size_t count, bool skip_special) const {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) {
    const auto id = static_cast<uint32_t>(ids[i]);
    const std::optional<std::string_view> found = token(id);
    if (!found) throw std::out_of_range("id " + std::to_string(ids[i]) + " has no token");
    if (skip_special && is_special(id)) continue;
    bytes += bytes_of_token(*found).value_or(std::string(*found));
  }
  return bytes;
}

}  // namespace ayar::text
