#include "text/clean.hpp"

#include <algorithm>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "text/characters.hpp"
#include "text/code_pages.hpp"
#include "text/code_points.hpp"
#include "text/compatibility.hpp"
#include "text/deasciify.hpp"
#include "text/email_replies.hpp"
#include "text/html_entities.hpp"
#include "text/html_tags.hpp"
#include "text/line_joins.hpp"
#include "text/markdown.hpp"
#include "text/mojibake.hpp"
#include "text/nfc.hpp"
#include "text/repetition.hpp"
#include "text/turkish_page.hpp"
#include "text/utf8.hpp"
#include "text/values.hpp"
#include "text/web_links.hpp"
#include "text/white_space.hpp"

namespace ayar {
namespace {

constexpr bool has(CleanMask mask, CleanOperator op) {
  return (mask >> op & 1) != 0;
}

// Operators whose work the vectorised look does not see: where one of them is on, every text goes through the chain.
constexpr CleanMask kUnseen = ~(1u << kUtf8 | 1u << kTags | 1u << kEntities | 1u << kMojibake | 1u << kTurkishPage | 1u << kInvisible |
                                1u << kNfc | 1u << kQuotes | 1u << kDashes | 1u << kWhiteSpace);

constexpr size_t kBlock = 16;

// Of the 16 bytes at p, those that deserve a look: not printable ASCII, `<`, `&`, a space before a space. Reads 17 bytes.
AYAR_INLINE uint32_t suspects(const char* p) {
#if defined(__SSE2__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i behind = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 1));
  const __m128i space = _mm_set1_epi8(' ');
  __m128i hit = _mm_cmplt_epi8(bytes, space);  // signed: control characters, and all bytes from 80 up
  hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
  hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('<')));
  hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('&')));
  hit = _mm_or_si128(hit, _mm_and_si128(_mm_cmpeq_epi8(bytes, space), _mm_cmpeq_epi8(behind, space)));
  return static_cast<uint32_t>(_mm_movemask_epi8(hit));
#else
  uint32_t mask = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const char c = p[i];
    const bool hit = static_cast<signed char>(c) < ' ' || c == 0x7F || c == '<' || c == '&' || (c == ' ' && p[i + 1] == ' ');
    mask |= static_cast<uint32_t>(hit) << i;
  }
  return mask;
#endif
}

// Looks at one suspect after the other.
class Inspector {
 public:
  Inspector(std::string_view text, CleanMask operators) : text_(text), operators_(operators) {
    if (has(operators, kNfc)) flags_ |= kIsNfcSlow;
    if (has(operators, kInvisible)) flags_ |= kIsInvisible | kIsJoiner;
    if (has(operators, kWhiteSpace)) flags_ |= kIsSpace;
    if (has(operators, kQuotes)) flags_ |= kIsQuote;
  }

  // The bytes from `at` that no operator would touch, or 0.
  AYAR_INLINE size_t harmless(size_t at) {
    const auto byte = static_cast<uint8_t>(text_[at]);
    if (byte >= 0x80) return harmless_code_point(at);
    if (byte == '<') return has(operators_, kTags) ? 0 : 1;
    if (byte == '&') return has(operators_, kEntities) ? 0 : 1;
    if (byte == ' ' || byte == '\t' || byte == '\n') return !has(operators_, kWhiteSpace) || is_tidy(at) ? 1 : 0;
    return (code_point_byte(byte) & flags_) != 0 ? 0 : 1;
  }

  // Of a space, tab or line end: whether it stands where tidy_white_space leaves it.
  bool is_tidy(size_t at) const {
    if (at == 0 || at + 1 == text_.size() || is_blank(text_[at + 1]) || is_blank(text_[at - 1])) return false;
    if (text_[at] == '\n') return !(text_[at - 1] == '\n' && at >= 2 && text_[at - 2] == '\n');
    return text_[at + 1] != '\n' && text_[at - 1] != '\n';
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t'; }

  AYAR_INLINE size_t harmless_code_point(size_t at) {
    const utf8::Decoded next = utf8::decode(text_.data() + at, text_.data() + text_.size());
    if (!next.valid || (code_point_byte(next.code) & flags_) != 0) return 0;
    if (has(operators_, kMojibake)) {
      if (last_end_ == at && (starts_mojibake(last_code_, next.code) || next.code == utf8::kReplacement)) return 0;
      if (next.code < 0x100 && is_lone_mojibake(text_, at, next.code)) return 0;
    }
    if (has(operators_, kTurkishPage) && is_turkish_page_letter(next.code)) return 0;
    if (has(operators_, kDashes) && is_fancy_dash(next.code)) return 0;
    last_end_ = at + next.length;
    last_code_ = next.code;
    return next.length;
  }

  std::string_view text_;
  CleanMask operators_;
  uint8_t flags_ = 0;
  size_t last_end_ = 0;  // behind the last code point beyond ASCII
  char32_t last_code_ = 0;
};

// A text while operators work on it: it moves between two buffers, and is copied only where something changes.
class Work {
 public:
  Work(std::string_view text, std::string& out, CleanDetails& details) : text_(text), out_(out), details_(details) {
    details_.characters.fill(0);
    details_.doubtful.fill(0);
    if (details_.edits != nullptr) details_.edits->clear();
  }

  template <class Operator>
  void apply(CleanOperator op, const Operator& change) {
    Tally tally{0, details_.edits != nullptr ? &step_ : nullptr, 0};
    const bool is_changed = change(text_, details_.spare, tally);
    details_.doubtful[op] = static_cast<int64_t>(tally.doubtful);
    if (!is_changed) return;
    touched_ |= 1u << op;
    ++changes_;
    details_.characters[op] += static_cast<int64_t>(tally.characters);
    if (details_.edits != nullptr) *details_.edits = compose(*details_.edits, step_);
    out_.swap(details_.spare);
    text_ = out_;
  }

  std::string_view text() const { return text_; }
  CleanMask touched() const { return touched_; }
  size_t changes() const { return changes_; }

 private:
  std::string_view text_;
  std::string& out_;
  CleanDetails& details_;
  Edits step_;
  CleanMask touched_ = 0;
  size_t changes_ = 0;
};

void run_chain(Work& work, CleanMask operators) {
  const auto run = [&](CleanOperator op, auto change) {
    if (has(operators, op)) work.apply(op, change);
  };
  run(kTags, strip_tags);
  run(kEntities, [&](std::string_view text, std::string& out, Tally& tally) {
    if (!has(operators, kTags) && holds_tags(text)) return false;  // HTML that is to stay HTML
    return decode_entities(text, has(operators, kInvisible), out, tally);
  });
  run(kMojibake, repair_mojibake);
  run(kTurkishPage, repair_turkish_page);
  run(kInvisible, drop_invisible);
  run(kWidth, plain_width);
  run(kLigatures, split_ligatures);
  run(kNfkc, plain_forms);
  run(kNfc, normalize_nfc);
  run(kQuotes, straighten_quotes);
  run(kDashes, plain_dashes);
  run(kMarkdown, strip_markdown);
  run(kLinksDropped, drop_links);
  run(kLinksMarked, mark_links);
  run(kReplies, cut_replies);
  run(kHyphenation, join_hyphenated);
  run(kPunctuation, shorten_punctuation);
  run(kStretched, shorten_stretched_letters);
  run(kSymbols, shorten_symbol_runs);
  run(kDates, iso_dates);
  run(kNumbers, plain_numbers);
  run(kUnits, plain_units);
  run(kBooleans, plain_booleans);
  run(kTurkishLetters, restore_turkish_letters);
  run(kWhiteSpace, tidy_white_space);
  run(kTags, separate_tags);
}

}  // namespace

bool needs_cleaning(std::string_view text, CleanMask operators) {
  if ((operators & kUnseen) != 0 && !text.empty()) return true;
  Inspector inspector(text, operators);
  if (has(operators, kWhiteSpace) && !text.empty()) {
    for (const size_t edge : {size_t{0}, text.size() - 1}) {
      if (text[edge] == ' ' || text[edge] == '\t' || text[edge] == '\n') return true;
    }
  }
  size_t i = 0;
  while (i + kBlock < text.size()) {
    const size_t block = i;
    i += kBlock;
    for (uint32_t mask = suspects(text.data() + block); mask != 0;) {
      const size_t at = block + static_cast<size_t>(__builtin_ctz(mask));
      const size_t length = inspector.harmless(at);
      if (length == 0) return true;
      const size_t next = at + length - block;
      mask = next < kBlock ? mask >> next << next : 0;
      i = std::max(i, at + length);
    }
  }
  while (i < text.size()) {
    const size_t length = inspector.harmless(i);
    if (length == 0) return true;
    i += length;
  }
  return false;
}

CleanMask clean(std::string_view text, CleanMask operators, std::string& out, CleanDetails& details) {
  Work work(text, out, details);
  work.apply(kUtf8, repair_utf8);
  const size_t most_rounds = std::max<size_t>(16, (size_t{4} << 20) / (text.size() + 1));
  for (size_t round = 0; round < most_rounds; ++round) {
    const size_t changes = work.changes();
    run_chain(work, operators);
    if (work.changes() == changes || !needs_cleaning(work.text(), operators)) break;
  }
  return work.touched();
}

namespace {

struct Piece {
  bool is_changed = false;
  std::string bytes;
  std::array<int64_t, kCleanOperators> rows_touched{}, characters_changed{}, doubtful{};
  BatchEdits edits;
};

void append(BatchEdits& all, int64_t row, const Edits& edits) {
  for (const Edit& edit : edits) {
    all.row.push_back(row);
    all.begin.push_back(static_cast<int64_t>(edit.begin));
    all.end.push_back(static_cast<int64_t>(edit.end));
    all.new_begin.push_back(static_cast<int64_t>(edit.new_begin));
    all.new_end.push_back(static_cast<int64_t>(edit.new_end));
  }
}

void append(BatchEdits& all, const BatchEdits& more) {
  for (const auto column : {&BatchEdits::row, &BatchEdits::begin, &BatchEdits::end, &BatchEdits::new_begin, &BatchEdits::new_end}) {
    (all.*column).insert((all.*column).end(), (more.*column).begin(), (more.*column).end());
  }
}

// Cleans the rows [first, last); writes their lengths behind offsets[row].
void clean_piece(const TextBatch& texts, int64_t first, int64_t last, CleanMask operators, bool wants_edits, int64_t* offsets,
                 Piece& piece) {
  std::string cleaned;
  Edits edits;
  CleanDetails details;
  if (wants_edits) details.edits = &edits;
  int64_t copied = first;  // rows before it are in piece.bytes
  for (int64_t row = first; row < last; ++row) {
    const std::string_view text = texts[row];
    offsets[row + 1] = static_cast<int64_t>(text.size());
    if (!needs_cleaning(text, operators)) continue;
    const CleanMask touched = clean(text, operators, cleaned, details);
    for (int op = 0; op < kCleanOperators; ++op) piece.doubtful[op] += details.doubtful[op];
    if (touched == 0) continue;
    piece.is_changed = true;
    piece.bytes += texts.range(copied, row);
    piece.bytes += cleaned;
    copied = row + 1;
    offsets[row + 1] = static_cast<int64_t>(cleaned.size());
    for (int op = 0; op < kCleanOperators; ++op) {
      piece.rows_touched[op] += touched >> op & 1;
      piece.characters_changed[op] += details.characters[op];
    }
    if (wants_edits) append(piece.edits, row, edits);
  }
  if (piece.is_changed) piece.bytes += texts.range(copied, last);
}

}  // namespace

CleanedBatch clean_batch(const TextBatch& texts, CleanMask operators, bool wants_edits) {
  constexpr int64_t kPieceBytes = 128 << 10;  // large enough to pay for a task, small enough for every thread to get some
  const std::vector<int64_t> starts = texts.pieces(kPieceBytes);
  CleanedBatch result;
  result.offsets.resize(texts.rows() + 1);
  std::vector<Piece> pieces(starts.size() - 1);
  for_each_piece(starts, [&](int64_t index, int64_t first, int64_t last) {
    clean_piece(texts, first, last, operators, wants_edits, result.offsets.data(), pieces[index]);
  });

  size_t size = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    result.is_changed = result.is_changed || pieces[i].is_changed;
    size += pieces[i].is_changed ? pieces[i].bytes.size() : texts.range(starts[i], starts[i + 1]).size();
  }
  for (const Piece& piece : pieces) {
    for (int op = 0; op < kCleanOperators; ++op) result.doubtful[op] += piece.doubtful[op];
  }
  if (!result.is_changed) {
    result.offsets.clear();
    return result;
  }
  for (int64_t row = 0; row < texts.rows(); ++row) result.offsets[row + 1] += result.offsets[row];
  result.bytes.reserve(size);
  for (size_t i = 0; i < pieces.size(); ++i) {
    result.bytes += pieces[i].is_changed ? std::string_view(pieces[i].bytes) : texts.range(starts[i], starts[i + 1]);
    std::string().swap(pieces[i].bytes);
    for (int op = 0; op < kCleanOperators; ++op) {
      result.rows_touched[op] += pieces[i].rows_touched[op];
      result.characters_changed[op] += pieces[i].characters_changed[op];
    }
    append(result.edits, pieces[i].edits);
  }
  return result;
}

}  // namespace ayar
