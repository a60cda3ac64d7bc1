// A frozen linear layer with low-rank adapters (LoRA, Hu et al. 2021) riding inside its GEMM as a border:
//
//             K    R
//     N  [    W   sB  ]    u = x Aᵀ     y  = [x | u] · [W | sB]ᵀ + bias
//     R  [    A    0  ]    v = s dy B   dx = [dy | v] · [W ; A]           dA = vᵀ x   dB = s dyᵀ u
//
// Projections that share x are stacked along N; each adapter covers its own columns of y and its own columns of u, so that B is
// block-diagonal. Adapter i owns columns [offset, offset + r_i) of u and v, offset = Σ of the ranks before it, each rounded up to even.
// x, dy, y, dx: bf16 or fp32, as the weight.  lora_A: [r, K], lora_B: [N_i, r], their gradients, u: fp32.  Sums in fp32.
// Dropout with probability p touches the adapters' x alone, by a mask of each adapter's own: u = mask ⊙ x / (1 − p) · Aᵀ. Then
// dx = Σ mask ⊙ (v A) / (1 − p) + dy W; the sums begin with the masked term, so dx is still written and rounded once.
// With bf16, A, sB, u and v enter the products rounded to bf16 (u and v of dA and dB only where bf16 is multiplied as such).
#pragma once

#include "core/view.hpp"
#include "cpu/dropout.hpp"
#include "cpu/isa.hpp"
#include "cpu/packed_weight.hpp"

namespace ayar::cpu {

struct Adapter {
  int64_t first_column;  // of y, where its projection starts
  View lora_A, lora_B;
  float scaling;
  Dropout dropout;  // the same in both passes
};

struct AdapterGradient {
  View lora_A, lora_B;
};

template <class T>
struct ListOf {
  const T* items;
  int64_t count;
};

AYAR_EACH_ISA(
    // Writes u and y.
    void lora_linear_forward(View x, const PackedWeight& weight, ListOf<Adapter> adapters, View u, View y);
    // Writes the gradients of the adapters, and dx unless it is an empty view.
    void lora_linear_backward(View dy, View x, View u, const PackedWeight& weight, ListOf<Adapter> adapters,
                              ListOf<AdapterGradient> gradients, View dx);)

}  // namespace ayar::cpu
