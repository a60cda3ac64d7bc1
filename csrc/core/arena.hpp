// Large arrays that come and go in the same sizes at every training step. A block that is given back waits for the next taker of about its
// size, so a step pays for page faults once; sizes stay apart, so that long and short lives do not break memory into holes.
#pragma once

#include <cstddef>

namespace ayar {

// At least `bytes`, 64-byte aligned, not initialised. Throws std::bad_alloc. From any thread.
void* arena_take(size_t bytes);
void arena_give(void* block) noexcept;

struct ArenaUse {
  size_t taken, most_taken, waiting;  // bytes in use now, at the worst moment so far, and resident for the next taker
};
ArenaUse arena_use();

// Returns what waits to the operating system.
void arena_trim();

}  // namespace ayar
