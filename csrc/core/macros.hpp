// Attributes and checks shared by every file of the core. Nothing here is ever emitted as a weak symbol.
#pragma once

#define AYAR_INLINE inline __attribute__((always_inline))

namespace ayar {
// Throws std::invalid_argument; out of line, so that a file compiled for one instruction set emits no std:: template.
[[noreturn]] void require_failed(const char* condition, const char* function);
}  // namespace ayar

// Checks what the caller handed over (shapes, dtypes, ranges). Never inside a parallel region.
#define AYAR_REQUIRE(condition) ((condition) ? (void)0 : ::ayar::require_failed(#condition, __func__))
