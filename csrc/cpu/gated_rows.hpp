// Row loops of a gated product y = act(gate) · up with act(g) = g · σ(inner(g)): SwiGLU and GEGLU differ in `inner` alone.
//   dgate = dy · up · σ · (1 + gate · (1 − σ) · inner′(gate)),  dup = dy · gate · σ.
// A Gate has static inner(g) and slope(g) = inner′(g). Everything is static or inlined: no symbol reaches another instruction set.
#pragma once

#include "core/thread_pool.hpp"
#include "cpu/vector_math.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int kStep = 2 * kLanes;

template <class Gate, class T>
AYAR_INLINE void forward_step(const T* gate, const T* up, T* y) {
  Floats g[2], u[2];
  load_two(gate, g);
  load_two(up, u);
  for (int i = 0; i < 2; ++i) u[i] = g[i] * sigmoid<T>(Gate::inner(g[i])) * u[i];
  store_two(y, u);
}

template <class Gate, class T>
AYAR_INLINE void backward_step(const T* dy, const T* gate, const T* up, T* dgate, T* dup) {
  Floats d[2], g[2], u[2];
  load_two(dy, d);
  load_two(gate, g);
  load_two(up, u);
  for (int i = 0; i < 2; ++i) {
    const Floats s = sigmoid<T>(Gate::inner(g[i])), dact = d[i] * s;
    u[i] = dact * u[i] * (1.0F + g[i] * (1.0F - s) * Gate::slope(g[i]));
    d[i] = dact * g[i];
  }
  store_two(dgate, u);
  store_two(dup, d);
}

// The last elements of a row go through the same instructions on a copy, so that a value does not depend on its column.
template <class T>
struct LastStep {
  AYAR_INLINE void take(const T* from, int64_t count) { __builtin_memcpy(value, from, sizeof(T) * count); }
  AYAR_INLINE void give(T* to, int64_t count) const { __builtin_memcpy(to, value, sizeof(T) * count); }
  T value[kStep] = {};
};

template <class Gate, class T>
void forward_row(const T* gate, const T* up, int64_t cols, T* y) {
  int64_t c = 0;
  for (; c + kStep <= cols; c += kStep) forward_step<Gate>(gate + c, up + c, y + c);
  if (const int64_t left = cols - c; left > 0) {
    LastStep<T> g, u, out;
    g.take(gate + c, left);
    u.take(up + c, left);
    forward_step<Gate>(g.value, u.value, out.value);
    out.give(y + c, left);
  }
}

template <class Gate, class T>
void backward_row(const T* dy, const T* gate, const T* up, int64_t cols, T* dgate, T* dup) {
  int64_t c = 0;
  for (; c + kStep <= cols; c += kStep) backward_step<Gate>(dy + c, gate + c, up + c, dgate + c, dup + c);
  if (const int64_t left = cols - c; left > 0) {
    LastStep<T> d, g, u, dg, du;
    d.take(dy + c, left);
    g.take(gate + c, left);
    u.take(up + c, left);
    backward_step<Gate>(d.value, g.value, u.value, dg.value, du.value);
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
