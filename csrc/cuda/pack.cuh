// One training batch made on the device from rows that lie there once: tokens in the order of a pack, positions that restart with each
// row, what each token is trained to predict, and where each row begins. Reference: tests/cuda/references.py.
#pragma once

#include <cstdint>

namespace ayar::cuda {

// cu_seqlens (count + 1,): 0, then the running sums of lengths (count,), one block.
void running_sums(const int32_t* lengths, int32_t* cu_seqlens, int64_t count, void* stream);

// tokens, is_trained: every row of the data, one after another; row r begins at starts[r]. rows (count,): the rows of this pack, in order;
// cu_seqlens: of their lengths. Writes input_ids, position_ids, labels (total,): labels[t] is the next token of the row where that one is
// trained, else −100. Asynchronous on stream.
void pack_rows(const int32_t* tokens, const uint8_t* is_trained, const int64_t* starts, const int32_t* rows, const int32_t* cu_seqlens,
               int64_t count, int32_t* input_ids, int32_t* position_ids, int64_t* labels, void* stream);

}  // namespace ayar::cuda
