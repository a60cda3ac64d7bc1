#include "text/clean.hpp"

#include <algorithm>
#include <utility>

#include "text/characters.hpp"
#include "text/clean_scan.hpp"
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
#include "text/values.hpp"
#include "text/web_links.hpp"
#include "text/white_space.hpp"

namespace ayar {
namespace {

// A text while operators work on it: it moves between two buffers, and is copied only where something changes.
class Work {
 public:
  Work(std::string_view text, std::string& out, CleanDetails& details) : text_(text), out_(out), details_(details) {
    details_.characters.fill(0);
    details_.doubtful.fill(0);
    if (details_.edits != nullptr) details_.edits->clear();
  }

  template <class Operator>
  bool apply(CleanOperator op, const Operator& change) {
    Tally tally{0, details_.edits != nullptr ? &step_ : nullptr, 0};
    const bool is_changed = change(text_, details_.spare, tally);
    details_.doubtful[op] = static_cast<int64_t>(tally.doubtful);
    if (!is_changed) return false;
    touched_ |= 1u << op;
    ++changes_;
    details_.characters[op] += static_cast<int64_t>(tally.characters);
    if (details_.edits != nullptr) *details_.edits = compose(*details_.edits, step_);
    out_.swap(details_.spare);
    text_ = out_;
    return true;
  }

  // Of an operator that would find nothing.
  void skip(CleanOperator op) { details_.doubtful[op] = 0; }

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

// The operators that could change the text, as one scan shows; all of those of which it knows nothing.
CleanMask work_in(std::string_view text, CleanMask operators) {
  return (scan_for_work(text) & operators) | (text.empty() ? 0 : operators & ~kScanned);
}

// Two characters that a removal brings together, or a space where another stood, may be signs of mojibake; other new signs need new
// characters.
CleanMask may_follow(CleanOperator op) {
  switch (op) {
    case kTags:
    case kInvisible:
    case kHyphenation:
    case kWhiteSpace: return mask_of(kMojibake) | mask_of(kWhiteSpace);
    default: return kScanned;
  }
}

// One run of the chain. An operator that a scan has cleared does not run; what a change may have brought about, another scan tells.
class Chain {
 public:
  Chain(Work& work, CleanMask operators, CleanMask pending) : work_(work), operators_(operators), pending_(pending) {}

  template <class Operator>
  void run(CleanOperator op, const Operator& change) {
    if (!has(operators_, op)) return;
    if (!has(pending_, op) && has(unknown_, op)) {
      pending_ = work_in(work_.text(), operators_);
      unknown_ = 0;
    }
    if (!has(pending_, op)) {
      work_.skip(op);
    } else if (work_.apply(op, change)) {
      unknown_ |= may_follow(op);
    }
  }

 private:
  Work& work_;
  CleanMask operators_, pending_, unknown_ = 0;
};

void run_chain(Work& work, CleanMask operators, CleanMask pending) {
  Chain chain(work, operators, pending);
  chain.run(kTags, strip_tags);
  chain.run(kEntities, [&](std::string_view text, std::string& out, Tally& tally) {
    if (!has(operators, kTags) && holds_tags(text)) return false;  // HTML that is to stay HTML
    return decode_entities(text, has(operators, kInvisible), out, tally);
  });
  chain.run(kMojibake, repair_mojibake);
  chain.run(kTurkishPage, repair_turkish_page);
  chain.run(kInvisible, drop_invisible);
  chain.run(kWidth, plain_width);
  chain.run(kLigatures, split_ligatures);
  chain.run(kNfkc, plain_forms);
  chain.run(kNfc, normalize_nfc);
  chain.run(kQuotes, straighten_quotes);
  chain.run(kDashes, plain_dashes);
  chain.run(kMarkdown, strip_markdown);
  chain.run(kLinksDropped, drop_links);
  chain.run(kLinksMarked, mark_links);
  chain.run(kReplies, cut_replies);
  chain.run(kHyphenation, join_hyphenated);
  chain.run(kPunctuation, shorten_punctuation);
  chain.run(kStretched, shorten_stretched_letters);
  chain.run(kSymbols, shorten_symbol_runs);
  chain.run(kDates, iso_dates);
  chain.run(kNumbers, plain_numbers);
  chain.run(kUnits, plain_units);
  chain.run(kBooleans, plain_booleans);
  chain.run(kTurkishLetters, restore_turkish_letters);
  chain.run(kWhiteSpace, tidy_white_space);
  chain.run(kTags, separate_tags);
}

// As clean, of a text of which work_in has told `pending`, and that is not nothing.
CleanMask clean_pending(std::string_view text, CleanMask operators, CleanMask pending, std::string& out, CleanDetails& details) {
  Work work(text, out, details);
  if (has(pending, kUtf8)) {
    work.apply(kUtf8, repair_utf8);
    pending = work_in(work.text(), operators);
  }
  const size_t most_rounds = std::max<size_t>(16, (size_t{4} << 20) / (text.size() + 1));
  for (size_t round = 0; round < most_rounds && pending != 0; ++round) {
    const size_t changes = work.changes();
    run_chain(work, operators, pending);
    if (work.changes() == changes) break;
    pending = work_in(work.text(), operators);
  }
  return work.touched();
}

}  // namespace

bool needs_cleaning(std::string_view text, CleanMask operators) {
  return work_in(text, operators | mask_of(kUtf8)) != 0;
}

CleanMask clean(std::string_view text, CleanMask operators, std::string& out, CleanDetails& details) {
  const CleanMask every = operators | mask_of(kUtf8);
  return clean_pending(text, every, work_in(text, every), out, details);
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
    const CleanMask pending = work_in(text, operators);
    if (pending == 0) continue;
    const CleanMask touched = clean_pending(text, operators, pending, cleaned, details);
    for (int op = 0; op < kCleanOperators; ++op) piece.doubtful[op] += details.doubtful[op];
    if (touched == 0) continue;
    if (!piece.is_changed) piece.bytes.reserve(texts.range(first, last).size());
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
  operators |= mask_of(kUtf8);
  constexpr int64_t kPieceBytes = 128 << 10;  // large enough to pay for a task, small enough for every thread to get some
  const std::vector<int64_t> starts = thread_count() > 1 ? texts.pieces(kPieceBytes) : std::vector<int64_t>{0, texts.rows()};
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
  if (pieces.size() == 1) {
    result.bytes = std::move(pieces[0].bytes);
  } else {
    result.bytes.reserve(size);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces.size() > 1) {
      result.bytes += pieces[i].is_changed ? std::string_view(pieces[i].bytes) : texts.range(starts[i], starts[i + 1]);
      std::string().swap(pieces[i].bytes);
    }
    for (int op = 0; op < kCleanOperators; ++op) {
      result.rows_touched[op] += pieces[i].rows_touched[op];
      result.characters_changed[op] += pieces[i].characters_changed[op];
    }
    append(result.edits, pieces[i].edits);
  }
  return result;
}

}  // namespace ayar
