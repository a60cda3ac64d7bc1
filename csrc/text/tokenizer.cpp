#include "text/tokenizer.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <stdexcept>

#include "core/thread_pool.hpp"
#include "text/byte_alphabet.hpp"
#include "text/encoder.hpp"
#include "text/unicode_classes.hpp"
#include "text/utf8.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr int64_t kTaskBytes = 128 << 10;

struct Task {
  int64_t first_row, last_row;
  std::unique_ptr<uint32_t[]> ids;
  std::vector<ByteSpan> spans;
  int64_t count = 0, first_id = 0;
};

std::vector<Task> tasks_of(const int64_t* offsets, int64_t rows) {
  std::vector<Task> tasks;
  for (int64_t row = 0; row < rows;) {
    int64_t last = row + 1;
    while (last < rows && offsets[last + 1] - offsets[row] <= kTaskBytes) ++last;
    tasks.emplace_back();
    tasks.back().first_row = row;
    tasks.back().last_row = last;
    row = last;
  }
  return tasks;
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

Tokenizer::Tokenizer(TokenizerParts parts)
    : pretokenizer_(parts.pretokenizer),
      bpe_(parts.vocabulary, parts.merges, parts.ignore_merges),
      raw_added_(parts.raw_added),
      normalized_added_(parts.normalized_added),
      trim_(parts.trim) {
  size_t ids = bpe_.id_count();
  for (const auto* added : {&parts.raw_added, &parts.normalized_added}) {
    for (const AddedToken& token : *added) ids = std::max(ids, size_t{token.id} + 1);
  }
  added_bytes_.resize(ids);
  is_special_.resize(ids);
  for (const auto* added : {&parts.raw_added, &parts.normalized_added}) {
    for (const AddedToken& token : *added) added_bytes_[token.id] = bytes_of_token(token.content).value_or(token.content);
  }
  if (!trim_.trims) return;
  outer_spaces_.resize(ids);
  for (const VocabularyEntry& entry : parts.vocabulary) outer_spaces_[entry.id] = outer_spaces_of(entry.token);
  for (const auto* added : {&parts.raw_added, &parts.normalized_added}) {
    for (const AddedToken& token : *added) outer_spaces_[token.id] = outer_spaces_of(token.content);
  }
}

Tokenizer::~Tokenizer() = default;

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
  if (lock) idle_.push_back(std::move(encoder));
}

TokenBatch Tokenizer::encode_batch(const uint8_t* data, const int64_t* offsets, int64_t rows, bool with_spans) const {
  for (int64_t row = 0; row < rows; ++row) {
    if (offsets[row + 1] < offsets[row]) throw std::invalid_argument("row offsets must not fall");
    if (offsets[row + 1] - offsets[row] > INT32_MAX / 4) throw std::invalid_argument("a row of more than 512 MiB");
  }
  std::vector<Task> tasks = tasks_of(offsets, rows);
  TokenBatch batch;
  batch.row_offsets.assign(static_cast<size_t>(rows) + 1, 0);
  std::atomic<bool> out_of_memory{false};
  parallel_tasks(static_cast<int64_t>(tasks.size()), [&](int64_t index, int) {
    try {
      Task& task = tasks[static_cast<size_t>(index)];
      std::unique_ptr<Encoder> encoder = take_encoder();
      encoder->clear();
      std::string repaired;
      for (int64_t row = task.first_row; row < task.last_row; ++row) {
        const size_t before = encoder->count();
        const std::string_view text(reinterpret_cast<const char*>(data + offsets[row]),
                                    static_cast<size_t>(offsets[row + 1] - offsets[row]));
        encoder->encode(utf8::repair(text, repaired) ? repaired : text, with_spans);
        batch.row_offsets[static_cast<size_t>(row) + 1] = static_cast<int64_t>(encoder->count() - before);
      }
      task.count = static_cast<int64_t>(encoder->count());
      task.ids = std::make_unique_for_overwrite<uint32_t[]>(encoder->count());
      std::copy_n(encoder->ids(), encoder->count(), task.ids.get());
      task.spans = encoder->spans();
      give_back(std::move(encoder));
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  });
  if (out_of_memory) throw std::bad_alloc();
  int64_t total = 0;
  for (Task& task : tasks) {
    task.first_id = total;
    total += task.count;
  }
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) batch.row_offsets[row + 1] += batch.row_offsets[row];
  batch.ids = std::make_unique_for_overwrite<uint32_t[]>(static_cast<size_t>(total));
  if (with_spans) batch.spans = std::make_unique_for_overwrite<ByteSpan[]>(static_cast<size_t>(total));
  parallel_tasks(static_cast<int64_t>(tasks.size()), [&](int64_t index, int) {
    Task& task = tasks[static_cast<size_t>(index)];
    std::copy_n(task.ids.get(), task.count, batch.ids.get() + task.first_id);
    std::copy(task.spans.begin(), task.spans.end(), batch.spans.get() + task.first_id);
    task.ids.reset();
  });
  return batch;
}

std::string Tokenizer::decode(const int32_t* ids, size_t count, bool skip_special) const {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) {
    const auto id = static_cast<uint32_t>(ids[i]);
    if (id >= added_bytes_.size() || (!bpe_.is_token(id) && added_bytes_[id].empty())) {
      throw std::out_of_range("id " + std::to_string(ids[i]) + " has no token");
    }
    if (skip_special && is_special_[id]) continue;
    bytes += bpe_.is_token(id) ? bpe_.bytes_of(id) : added_bytes_[id];
  }
  return bytes;
}

}  // namespace ayar::text
