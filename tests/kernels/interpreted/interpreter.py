"""What the scripts beside this file share: each is a process with TRITON_INTERPRET=1 that holds kernels against float64 formulas.

A check runs in fp32 and fp16 (bf16 is wrong in the interpreter), in fp32 twice, the programs of each launch in another order each time:
a race shows as other bits.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import triton
from torch import Tensor
from triton.runtime import interpreter

assert triton.knobs.runtime.interpret, "run me with TRITON_INTERPRET=1"  # pyright: ignore[reportAttributeAccessIssue]

TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3}
Check = Callable[[torch.dtype], Sequence[Tensor]]
_checks: list[tuple[tuple[str, ...], Check]] = []
_launched: set[str] = set()


def verifies(*kernels: str) -> Callable[[Check], Check]:
    """Marks a function of a dtype that asserts, and returns what the kernels wrote."""

    def register(check: Check) -> Check:
        if check.__module__ == "__main__":  # another script may import formulas from this one
            _checks.append((kernels, check))
        return check

    return register


def assert_close(got: Tensor, want: Tensor, dtype: torch.dtype, name: str, beside: Tensor | None = None) -> None:
    """error ≤ tolerance × (‖want‖ + ‖beside‖); NaN fails. beside: the upstream gradient, where ``got`` is one that may cancel."""
    scale = want.norm() + (0 if beside is None else beside.double().norm())
    assert got.shape == want.shape, f"{name}: {tuple(got.shape)}, wanted {tuple(want.shape)}"
    error = (got.double() - want).norm()
    assert error <= TOLERANCE[dtype] * scale, f"{name} {dtype} {tuple(got.shape)}: error {error:.3e} of {scale:.3e}"


def apart(rows: int, cols: int, dtype: torch.dtype, spare: int = 3) -> Tensor:
    """A random matrix whose rows lie apart, NaN between them."""
    wide = torch.full((rows, cols + spare), torch.nan, dtype=dtype)
    wide[:, :cols] = torch.randn(rows, cols)
    return wide[:, :cols]


@contextmanager
def _shuffled_programs(seed: int) -> Iterator[None]:
    builder: Any = interpreter.interpreter_builder
    executor: Any = interpreter.GridExecutor
    set_index, set_dim, call = builder.set_grid_idx, builder.set_grid_dim, executor.__call__
    shuffle = random.Random(seed)
    order: list[tuple[int, int, int]] = []

    def shuffled_dim(x: int, y: int, z: int) -> None:
        order[:] = [(i, j, k) for i in range(x) for j in range(y) for k in range(z)]
        shuffle.shuffle(order)
        set_dim(x, y, z)

    def noted(self: Any, *arguments: Any, **options: Any) -> None:
        _launched.add(self.fn.__name__)
        call(self, *arguments, **options)

    builder.set_grid_dim, builder.set_grid_idx, executor.__call__ = shuffled_dim, lambda *_: set_index(*order.pop()), noted
    try:
        yield
    finally:
        builder.set_grid_dim, builder.set_grid_idx, executor.__call__ = set_dim, set_index, call


def run_checks() -> None:
    """Runs every check; prints a line ``verified KERNEL`` for each kernel, or raises."""
    for kernels, check in _checks:
        for dtype in TOLERANCE:
            results = []
            for seed in (0, 1) if dtype == torch.float32 else (0,):
                torch.manual_seed(7)
                with _shuffled_programs(seed):
                    results.append(check(dtype))
            same = all(torch.equal(a, b) for a, b in zip(results[0], results[-1], strict=True))
            assert same, f"{check.__name__} {dtype}: the order of the programs changes the result"
        assert set(kernels) <= _launched, f"{check.__name__} did not launch {set(kernels) - _launched}"
        for kernel in kernels:
            print(f"verified {kernel}")
