// The matrix tiles of AMX in plain C++, for the kernels that take a tile unit (gemm_tiles.hpp).
//
// TDPBF16PS: for a row m and a column n, the even and the odd elements of the depth run in two chains of fused multiply-adds that begin at
// zero; the two are added, and their sum to what the tile held. TDPBSUD: exact integers, signed bytes on the left, unsigned on the right.
#pragma once

#include "emulated_arithmetic.hpp"

class EmulatedTiles {
 public:
  EmulatedTiles() { std::memset(tiles_, 0xFF, sizeof tiles_); }  // a tile that is read before it is written holds NaN

  template <int TILE>
  void clear() {
    std::memset(tiles_[TILE], 0, sizeof tiles_[TILE]);
  }
  template <int TILE>
  void load(const void* rows, int64_t stride) {
    for (int64_t r = 0; r < 16; ++r) std::memcpy(tiles_[TILE] + r * 64, static_cast<const char*>(rows) + r * stride, 64);
  }
  template <int TILE>
  void store(void* rows, int64_t stride) const {
    for (int64_t r = 0; r < 16; ++r) std::memcpy(static_cast<char*>(rows) + r * stride, tiles_[TILE] + r * 64, 64);
  }

  template <int SUMS, int LEFT, int RIGHT>
  void multiply_bf16() {
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        float chains[2] = {0, 0};
        for (int k = 0; k < 16; ++k) {
          for (int i = 0; i < 2; ++i) {
            chains[i] = emulated::multiply_add(at<uint16_t>(LEFT, m, 2 * k + i), at<uint16_t>(RIGHT, k, 2 * n + i), chains[i]);
          }
        }
        set(SUMS, m, n, emulated::add(at<float>(SUMS, m, n), emulated::add(chains[0], chains[1])));
      }
    }
  }
  template <int SUMS, int LEFT, int RIGHT>
  void multiply_bytes() {
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        auto sum = at<uint32_t>(SUMS, m, n);
        for (int k = 0; k < 64; ++k) sum += static_cast<uint32_t>(at<int8_t>(LEFT, m, k) * at<uint8_t>(RIGHT, k / 4, 4 * n + k % 4));
        set(SUMS, m, n, sum);
      }
    }
  }

 private:
  template <class T>
  T at(int tile, int row, int col) const {
    T value;
    std::memcpy(&value, tiles_[tile] + row * 64 + col * sizeof(T), sizeof value);
    return value;
  }
  template <class T>
  void set(int tile, int row, int col, T value) {
    std::memcpy(tiles_[tile] + row * 64 + col * sizeof(T), &value, sizeof value);
  }

  unsigned char tiles_[8][16 * 64];
};
