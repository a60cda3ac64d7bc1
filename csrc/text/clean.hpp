// Cleaning: the chain of operators over one text, and over an Arrow batch of texts with the thread pool.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/clean_operators.hpp"
#include "text/rewrite.hpp"
#include "text/text_batch.hpp"

namespace ayar {

// Whether any of the operators could change the text: one vectorised look at it, never wrong when it says no.
bool needs_cleaning(std::string_view text, CleanMask operators);

// How many characters each operator changed, and on demand where. One object may serve many texts, to keep its buffers.
struct CleanDetails {
  std::array<int64_t, kCleanOperators> characters{};
  std::array<int64_t, kCleanOperators> doubtful{};  // may be wrong, and were left alone
  Edits* edits = nullptr;                           // from the text to what it became
  std::string spare;                                // while operators work
};

// Runs the chain until nothing changes, so that clean(clean(x)) = clean(x). (Hostile text of more than 4 kB, in which every repair brings
// about the next, ends after a bounded number of rounds.) Returns the operators that changed the text; out is left alone where none did.
CleanMask clean(std::string_view text, CleanMask operators, std::string& out, CleanDetails& details);

// The edits of all rows, in their order: bytes [begin, end) of the row became [new_begin, new_end) of the cleaned row.
struct BatchEdits {
  std::vector<int64_t> row, begin, end, new_begin, new_end;
};

struct CleanedBatch {
  bool is_changed = false;       // else offsets and bytes are empty, and the input is the answer
  std::vector<int64_t> offsets;  // rows + 1
  std::string bytes;
  std::array<int64_t, kCleanOperators> rows_touched{}, characters_changed{}, doubtful{};
  BatchEdits edits;  // empty where they are not wanted
};

// The same for any number of threads.
CleanedBatch clean_batch(const TextBatch& texts, CleanMask operators, bool wants_edits);

}  // namespace ayar
