// Row loops of a gated product y = act(gate) · up with act(g) = g · σ(inner(g)): SwiGLU and GEGLU differ in `inner` alone.
//   dgate = dy · up · σ · (1 + gate · (1 − σ) · inner′(gate)),  dup = dy · gate · σ.
// A Gate has static inner(g) and slope(g) = inner′(g). Everything is static or inlined: no symbol reaches another instruction set.
#pragma once

#include "core/thread_pool.hpp"
#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

AYAR_INLINE Floats sigmoid(Floats x) {
  return 1.0F / (1.0F + exp(-x));
}

template <class Gate, class T>
AYAR_INLINE void forward_lanes(const T* gate, const T* up, T* y) {
  const Floats g = load_vector(gate);
  store_vector(y, g * sigmoid(Gate::inner(g)) * load_vector(up));
}

template <class Gate, class T>
AYAR_INLINE void backward_lanes(const T* dy, const T* gate, const T* up, T* dgate, T* dup) {
  const Floats d = load_vector(dy), g = load_vector(gate), s = sigmoid(Gate::inner(g));
  store_vector(dgate, d * load_vector(up) * s * (1.0F + g * (1.0F - s) * Gate::slope(g)));
  store_vector(dup, d * g * s);
}

// The last lanes of a row go through the same instructions on a copy, so that a value does not depend on its column.
template <class T>
struct Lanes {
  AYAR_INLINE void take(const T* from, int64_t count) { __builtin_memcpy(value, from, sizeof(T) * count); }
  AYAR_INLINE void give(T* to, int64_t count) const { __builtin_memcpy(to, value, sizeof(T) * count); }
  T value[kLanes] = {};
};

template <class Gate, class T>
void forward_row(const T* gate, const T* up, int64_t cols, T* y) {
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) forward_lanes<Gate>(gate + c, up + c, y + c);
  if (const int64_t left = cols - c; left > 0) {
    Lanes<T> g, u, out;
    g.take(gate + c, left);
    u.take(up + c, left);
    forward_lanes<Gate>(g.value, u.value, out.value);
    out.give(y + c, left);
  }
}

template <class Gate, class T>
void backward_row(const T* dy, const T* gate, const T* up, int64_t cols, T* dgate, T* dup) {
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) backward_lanes<Gate>(dy + c, gate + c, up + c, dgate + c, dup + c);
  if (const int64_t left = cols - c; left > 0) {
    Lanes<T> d, g, u, dg, du;
    d.take(dy + c, left);
    g.take(gate + c, left);
    u.take(up + c, left);
    backward_lanes<Gate>(d.value, g.value, u.value, dg.value, du.value);
    dg.give(dgate + c, left);
    du.give(dup + c, left);
  }
}

template <class Gate>
void gated_forward(View gate_up, View y) {
  AYAR_REQUIRE(gate_up.rows() == y.rows() && gate_up.cols() == 2 * y.cols() && gate_up.dtype() == y.dtype());
  const int64_t cols = y.cols();
  with_dtype(y.dtype(), [&]<class T>(T) {
    parallel_rows(y.rows(), [&](int64_t r) {
      const T* gate = gate_up.row<T>(r);
      forward_row<Gate>(gate, gate + cols, cols, y.row<T>(r));
    });
  });
}

template <class Gate>
void gated_backward(View dy, View gate_up, View dgate_up) {
  AYAR_REQUIRE(gate_up.rows() == dy.rows() && gate_up.cols() == 2 * dy.cols() && gate_up.dtype() == dy.dtype());
  AYAR_REQUIRE(dgate_up.rows() == dy.rows() && dgate_up.cols() == 2 * dy.cols() && dgate_up.dtype() == dy.dtype());
  const int64_t cols = dy.cols();
  with_dtype(dy.dtype(), [&]<class T>(T) {
    parallel_rows(dy.rows(), [&](int64_t r) {
      const T* gate = gate_up.row<T>(r);
      T* dgate = dgate_up.row<T>(r);
      backward_row<Gate>(dy.row<T>(r), gate, gate + cols, cols, dgate, dgate + cols);
    });
  });
}

}  // namespace
}  // namespace ayar::cpu::AYAR_ISA
