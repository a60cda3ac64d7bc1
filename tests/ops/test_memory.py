"""Memory of the ops' results: reused from step to step, never shared by two living tensors, bounded when sizes change."""

import random

import pytest
import torch

from ayar.ops import backend, memory

ROWS = 300_000  # bf16: large enough for the arena
LIKE = torch.empty(0, dtype=torch.bfloat16)


def arena_use() -> tuple[int, int, int]:
    return backend.native().arena.use()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shape_dtype_and_contents(dtype: torch.dtype) -> None:
    x = memory.empty(500, 300, like=LIKE, dtype=dtype)
    assert (x.shape, x.dtype, x.is_contiguous(), x.data_ptr() % 64) == ((500, 300), dtype, True, 0)
    x.fill_(3)
    assert bool((x == 3).all())


def test_a_block_returns_with_its_last_tensor() -> None:
    before = arena_use()[0]
    x = memory.empty(ROWS, like=LIKE)
    view, address = x[10:], x.data_ptr()
    assert arena_use()[0] >= before + 2 * ROWS
    del x
    assert arena_use()[0] > before
    del view
    assert arena_use()[0] == before
    assert memory.empty(ROWS, like=LIKE).data_ptr() == address


def test_living_tensors_never_share_memory() -> None:
    chance = random.Random(0)
    living: list[tuple[int, torch.Tensor]] = []
    for mark in range(1, 300):
        if len(living) > 20 or (living and chance.random() < 0.4):
            expected, tensor = living.pop(chance.randrange(len(living)))
            assert bool((tensor == expected).all())
        tensor = memory.empty(chance.randrange(20_000, 200_000), like=LIKE, dtype=torch.float32)
        living.append((mark, tensor.fill_(mark)))
    assert all(bool((tensor == expected).all()) for expected, tensor in living)


def test_sizes_that_no_longer_occur_do_not_pile_up() -> None:
    memory.trim()
    for rows in range(100_000, 4_000_000, 40_000):
        memory.empty(rows, like=LIKE)
    taken, most_taken, waiting = arena_use()
    assert taken + waiting <= most_taken * 9 // 8 + (16 << 20)


def test_trim_returns_what_waits() -> None:
    memory.empty(ROWS, like=LIKE)
    memory.trim()
    assert arena_use()[2] == 0
    assert bool((memory.empty(ROWS, like=LIKE).fill_(1) == 1).all())


def test_small_and_foreign_tensors_are_torchs_own() -> None:
    before = arena_use()
    small, whole = memory.empty(4, like=LIKE), memory.empty(ROWS, like=LIKE, dtype=torch.int64)
    assert (small.dtype, whole.dtype) == (torch.bfloat16, torch.int64)
    assert arena_use() == before
