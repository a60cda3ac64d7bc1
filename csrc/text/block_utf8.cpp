#include "text/block_utf8.hpp"

#include <cstdint>
#include <cstring>

#include "core/cpu_features.hpp"
#include "text/block_utf8_avx2.hpp"
#include "text/utf8.hpp"

namespace ayar::text {
namespace {

#if defined(__x86_64__)

AYAR_AVX2 bool is_well_formed_avx2(const char* p, size_t size) {
  __m256i before = _mm256_setzero_si256(), wrong = _mm256_setzero_si256();
  bool was_ascii = true;
  for (;; p += 32, size -= 32) {
    __m256i now;
    if (size >= 32) {
      now = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    } else {
      char padded[32] = {};  // a zero behind the end tells a lead that nothing follows
      if (size > 0) std::memcpy(padded, p, size);
      now = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(padded));
    }
    const bool is_ascii = _mm256_movemask_epi8(now) == 0;
    if (!is_ascii || !was_ascii) wrong = _mm256_or_si256(wrong, wrong_in(before, now));
    if (size < 32) return _mm256_testz_si256(wrong, wrong) != 0;
    before = now;
    was_ascii = is_ascii;
  }
}

#endif

}  // namespace

bool is_well_formed(std::string_view text) {
#if defined(__x86_64__)
  static const bool has_avx2 = isa_supported(Isa::avx2);
  if (has_avx2) return is_well_formed_avx2(text.data(), text.size());
#endif
  return utf8::find_ill_formed(text.data(), text.data() + text.size()) == text.data() + text.size();
}

}  // namespace ayar::text
