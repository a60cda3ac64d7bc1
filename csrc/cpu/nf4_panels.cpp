#include "cpu/nf4_panels.hpp"

#include "cpu/lanes.hpp"
#include "cpu/panels.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

// kNf4Codebook[index] for 16 indices; only the low four bits of an index count.
#if defined(__AVX512F__)
struct Codebook {
  __m512 values = _mm512_loadu_ps(kNf4Codebook);
};
struct Indices {
  __m512i value;
};
AYAR_INLINE Indices load_codes(const uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
AYAR_INLINE Indices high_nibbles(Indices codes) {
  return {_mm512_srli_epi32(codes.value, 4)};
}
AYAR_INLINE Lanes look_up(const Codebook& codebook, Indices index) {
  return {_mm512_permutexvar_ps(index.value, codebook.values)};
}
AYAR_INLINE Lanes multiply(Lanes a, Lanes b) {
  return {_mm512_mul_ps(a.value, b.value)};
}
#elif defined(__AVX2__)
struct Codebook {
  __m256 low = _mm256_loadu_ps(kNf4Codebook), high = _mm256_loadu_ps(kNf4Codebook + 8);
};
struct Indices {
  __m256i low, high;
};
AYAR_INLINE Indices load_codes(const uint8_t* p) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepu8_epi32(codes), _mm256_cvtepu8_epi32(_mm_srli_si128(codes, 8))};
}
AYAR_INLINE Indices high_nibbles(Indices codes) {
  return {_mm256_srli_epi32(codes.low, 4), _mm256_srli_epi32(codes.high, 4)};
}
AYAR_INLINE __m256 look_up_eight(const Codebook& codebook, __m256i index) {
  const __m256 is_high = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(codebook.low, index), _mm256_permutevar8x32_ps(codebook.high, index), is_high);
}
AYAR_INLINE Lanes look_up(const Codebook& codebook, Indices index) {
  return {look_up_eight(codebook, index.low), look_up_eight(codebook, index.high)};
}
AYAR_INLINE Lanes multiply(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
#else
struct Codebook {};
struct Indices {
  uint8_t value[kPanelCols];
};
AYAR_INLINE Indices load_codes(const uint8_t* p) {
  Indices codes;
  __builtin_memcpy(codes.value, p, sizeof codes.value);
  return codes;
}
AYAR_INLINE Indices high_nibbles(Indices codes) {
  for (uint8_t& code : codes.value) code >>= 4;
  return codes;
}
AYAR_INLINE Lanes look_up(const Codebook&, const Indices& index) {
  float values[kPanelCols];
  for (int c = 0; c < kPanelCols; ++c) values[c] = kNf4Codebook[index.value[c] & 15];
  return load_lanes(values);
}
AYAR_INLINE Lanes multiply(const Lanes& a, const Lanes& b) {
  return {{a.quad[0] * b.quad[0], a.quad[1] * b.quad[1], a.quad[2] * b.quad[2], a.quad[3] * b.quad[3]}};
}
#endif

// Two steps of 16 columns, as a panel holds them.
AYAR_INLINE void store_two_steps(Lanes even, Lanes odd, float* to) {
  store_lanes(to, even);
  store_lanes(to + kPanelCols, odd);
}
AYAR_INLINE void store_two_steps(Lanes even, Lanes odd, bfloat16* to) {
  bfloat16 rounded[2][kPanelCols];
  store_lanes(rounded[0], even);
  store_lanes(rounded[1], odd);
#if defined(AYAR_DOT_BF16)
  store_interleaved(to, rounded[0], rounded[1]);
#else
  for (int64_t c = 0; c < kPanelCols; ++c) {
    to[2 * c] = rounded[0][c];
    to[2 * c + 1] = rounded[1][c];
  }
#endif
}

template <class T>
void row_panel(const Nf4Weight& weight, int64_t p, T* panel) {
  const Codebook codebook;
  const uint8_t* codes = weight.codes(p);
  const int64_t pairs = padded_depth(weight.in_features()) / 2;
  for (int64_t begin = 0; begin < pairs; begin += kNf4Block / 2) {
    float scales[kPanelCols];
    weight.absmax(p, begin / (kNf4Block / 2), scales);
    const Lanes scale = load_lanes(scales);
    const int64_t end = begin + kNf4Block / 2 < pairs ? begin + kNf4Block / 2 : pairs;
    for (int64_t j = begin; j < end; ++j) {
      const Indices pair = load_codes(codes + j * kPanelCols);
      store_two_steps(multiply(look_up(codebook, high_nibbles(pair)), scale), multiply(look_up(codebook, pair), scale),
                      panel + j * 2 * kPanelCols);
    }
  }
}

// A square of 16 steps × 16 columns turned over: rows[k][n] becomes the panel's steps n, n + 1, ... of columns k.
AYAR_INLINE void store_turned(const float (*rows)[kPanelCols], float* to) {
  for (int64_t n = 0; n < kPanelCols; ++n) {
    for (int64_t k = 0; k < kPanelCols; ++k) to[n * kPanelCols + k] = rows[k][n];
  }
}
AYAR_INLINE void store_turned(const bfloat16 (*rows)[kPanelCols], bfloat16* to) {
  for (int64_t pair = 0; pair < kPanelCols / 2; ++pair) {
    for (int64_t k = 0; k < kPanelCols; ++k) __builtin_memcpy(to + (pair * kPanelCols + k) * 2, rows[k] + 2 * pair, 2 * sizeof(bfloat16));
  }
}

// Columns [16p, 16p + 16) of one panel of rows; scale: of the block that these columns lie in.
template <class T>
AYAR_INLINE void column_square(const Nf4Weight& weight, int64_t row_panel, int64_t p, const Lanes& scale, int64_t steps, T* to) {
  const Codebook codebook;
  const uint8_t* codes = weight.codes(row_panel) + p * (kPanelCols / 2) * kPanelCols;
  const int64_t pairs_left = padded_depth(weight.in_features()) / 2 - p * (kPanelCols / 2);
  T square[kPanelCols][kPanelCols] = {};
  for (int64_t j = 0; j < kPanelCols / 2 && j < pairs_left; ++j) {
    const Indices pair = load_codes(codes + j * kPanelCols);
    store_lanes(square[2 * j], multiply(look_up(codebook, high_nibbles(pair)), scale));
    store_lanes(square[2 * j + 1], multiply(look_up(codebook, pair), scale));
  }
  if (steps >= kPanelCols) {
    store_turned(square, to);
  } else {
    T turned[kPanelCols * kPanelCols];
    store_turned(square, turned);
    for (int64_t i = 0; i < padded_depth(steps) * kPanelCols; ++i) to[i] = turned[i];
  }
}

template <class T>
void column_panels(const Nf4Weight& weight, int64_t begin, int64_t end, T* panels) {
  const int64_t depth = weight.out_features(), block = begin * kPanelCols / kNf4Block;
  for (int64_t row_panel = 0; row_panel < panel_count(depth); ++row_panel) {
    float scales[kPanelCols];
    weight.absmax(row_panel, block, scales);
    const Lanes scale = load_lanes(scales);
    for (int64_t p = begin; p < end; ++p) {
      T* to = panels + (p - begin) * panel_size(depth) + row_panel * kPanelCols * kPanelCols;
      column_square(weight, row_panel, p, scale, depth - row_panel * kPanelCols, to);
    }
  }
}

}  // namespace

void dequantize_rows(const Nf4Weight& weight, DType dtype, int64_t panel_begin, int64_t panel_end, void* panels) {
  with_dtype(dtype, [&]<class T>(T) {
    for (int64_t p = panel_begin; p < panel_end; ++p) {
      row_panel(weight, p, static_cast<T*>(panels) + (p - panel_begin) * panel_size(weight.in_features()));
    }
  });
}

void dequantize_columns(const Nf4Weight& weight, DType dtype, int64_t panel_begin, int64_t panel_end, void* panels) {
  constexpr int64_t kPanelsOfBlock = kNf4Block / kPanelCols;
  with_dtype(dtype, [&]<class T>(T) {
    for (int64_t p = panel_begin; p < panel_end; p += kPanelsOfBlock) {
      const int64_t end = p + kPanelsOfBlock < panel_end ? p + kPanelsOfBlock : panel_end;
      column_panels(weight, p, end, static_cast<T*>(panels) + (p - panel_begin) * panel_size(weight.out_features()));
    }
  });
}

}  // namespace ayar::cpu::AYAR_ISA
