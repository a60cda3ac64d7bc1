# pyright: reportMissingImports=false
"""Attention over trees of segments: forward and backward against a dense mask made from the parents."""

import torch
from interpreter import apart, assert_close, run_checks, verifies
from torch import Tensor

from ayar.kernels import attention

# Segments as (length, parent), depth first.
PLAIN = [(70, -1), (1, -1), (0, -1), (150, -1)]
TREE = [(140, -1), (9, 0), (30, 0), (3, 2), (0, 2), (11, 2), (8, 0), (20, -1)]
CASES = [  # segments, heads, kv heads, head_dim, softcap, window
    (PLAIN, 2, 1, 16, None, None),
    (TREE, 2, 2, 24, None, None),
    (TREE, 1, 1, 16, 5.0, 17),
    ([(1, -1)], 1, 1, 8, None, None),
    ([], 1, 1, 8, None, None),
]


def laid_out(segments: list[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor]:
    """(visible_until, position_ids, allowed), the last one from the parents alone."""
    begins = [sum(length for length, _ in segments[:i]) for i in range(len(segments))]
    ends = [begin + length for begin, (length, _) in zip(begins, segments, strict=True)]
    tokens = ends[-1] if ends else 0
    until, starts = list(ends), [0] * len(segments)
    for i in reversed(range(len(segments))):
        if segments[i][1] >= 0:
            until[segments[i][1]] = max(until[segments[i][1]], until[i])
    visible_until, position = torch.zeros(tokens, dtype=torch.int32), torch.zeros(tokens, dtype=torch.int32)
    allowed = torch.zeros(tokens, tokens, dtype=torch.bool)
    for i, (length, parent) in enumerate(segments):
        rows = slice(begins[i], ends[i])
        starts[i] = starts[parent] + segments[parent][0] if parent >= 0 else 0
        visible_until[rows] = until[i]
        position[rows] = torch.arange(starts[i], starts[i] + length)
        allowed[rows, rows] = torch.ones(length, length).tril().bool()
        while parent >= 0:
            allowed[rows, begins[parent] : ends[parent]] = True
            parent = segments[parent][1]
    return visible_until, position, allowed


@verifies("attention_forward", "attention_delta", "attention_backward_query", "attention_backward_key_value")
def trees(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for segments, heads, kv_heads, dim, softcap, window in CASES:
        until, position, allowed = laid_out(segments)
        tokens = len(until)
        qkv = apart(tokens, (heads + 2 * kv_heads) * dim, dtype).view(tokens, heads + 2 * kv_heads, dim)
        dy = apart(tokens, heads * dim, dtype)
        if window is not None:
            allowed &= position[:, None] - position[None, :] < window
        leaf = qkv.double().requires_grad_()
        query, key, value = leaf.transpose(0, 1).split((heads, kv_heads, kv_heads))
        key, value = (x.repeat_interleave(heads // kv_heads, 0) for x in (key, value))
        scores = query @ key.transpose(1, 2) * 0.3
        scores = scores if softcap is None else softcap * (scores / softcap).tanh()
        scores = scores.masked_fill(~allowed, float("-inf"))
        want = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
        (want_gradient,) = torch.autograd.grad(want, leaf, dy.double())

        plan = attention.plan(until, position, dim, qkv.element_size(), window)
        buffer = torch.full((tokens, heads * dim + 64), torch.nan, dtype=dtype)
        y, logsumexp = buffer[:, : heads * dim], torch.full((tokens, heads), torch.nan)
        attention.launch_attention_forward(qkv, plan, heads, kv_heads, 0.3, softcap, window, y, logsumexp)
        assert_close(y, want.detach(), dtype, "y")
        assert_close(logsumexp, scores.detach().logsumexp(-1).t(), dtype, "logsumexp")
        dqkv = torch.full((tokens, heads + 2 * kv_heads, dim), torch.nan, dtype=dtype)
        attention.launch_attention_backward(dy, qkv, y, logsumexp, plan, heads, kv_heads, 0.3, softcap, window, dqkv)
        assert_close(dqkv, want_gradient, dtype, "dqkv", beside=dy)
        written += [y.clone(), logsumexp, dqkv]
    return written


def blocks_left_out() -> None:
    """Two sequences of two blocks each: a quarter of the pairs of blocks is visited, less the future."""
    until, position, _ = laid_out([(256, -1), (256, -1)])
    forward = attention.plan(until, position, 64, 2).forward
    assert forward.count.tolist() == [2, 4, 2, 4], forward.count
    assert forward.complete.tolist() == [0, 2, 0, 2], forward.complete
    assert forward.table[1, :4].tolist() == [0, 1, 2, 3]


if __name__ == "__main__":
    blocks_left_out()
    run_checks()
