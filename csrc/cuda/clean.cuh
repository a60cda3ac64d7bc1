// Cleaning of a batch of texts, a thread a byte: ill-formed UTF-8 becomes U+FFFD (a maximal subpart each), invisible characters go. The
// answer is that of csrc/text/clean.hpp with its operator `invisible` alone. A row with a joiner or an escape character needs its
// neighbours to be judged: it is only repaired, and marked, for the CPU to finish.
#pragma once

#include <cstdint>

namespace ayar::cuda {

// text: bytes of `rows` texts; row r lies at offsets[r] .. offsets[r + 1]. flags: one byte a code point, 0 .. 0x10FFFF, as
// ayar::code_point_byte. new_offsets (rows + 1,) is written first, `needs_cpu` (rows,) with it.
void clean_measure(const uint8_t* text, const int64_t* offsets, int64_t rows, const uint8_t* flags, int64_t* new_offsets,
                   uint8_t* needs_cpu, void* stream);

// cleaned: new_offsets[rows] bytes, which the host reads between the two launches to allocate them.
void clean_write(const uint8_t* text, const int64_t* offsets, int64_t rows, const uint8_t* flags, const int64_t* new_offsets,
                 const uint8_t* needs_cpu, uint8_t* cleaned, void* stream);

}  // namespace ayar::cuda
