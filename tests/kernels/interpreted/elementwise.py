# pyright: reportMissingImports=false
"""RoPE, SwiGLU, cross entropy, keyed sums."""

import torch
from interpreter import apart, assert_close, run_checks, verifies
from torch import Tensor

from ayar.kernels import cross_entropy, keyed_rows, rope, swiglu, swiglu_backward


@verifies("rotate_heads")
def rotation(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for tokens, heads, rotated, head_dim in ((1, 1, 1, 2), (37, 5, 4, 64), (9, 3, 2, 10), (0, 3, 2, 8), (5, 3, 0, 8)):
        qkv = apart(tokens, heads * head_dim, dtype).view(tokens, heads, head_dim)
        before, angles = qkv.clone(), torch.randn(50, head_dim // 2)
        position = torch.randint(0, 50, (tokens,), dtype=torch.int32)
        rope.launch_rotate_heads(qkv, angles.cos(), angles.sin(), position, rotated)
        first, second = before[:, :rotated].double().chunk(2, dim=-1)
        c, s = angles.cos().double()[position][:, None], angles.sin().double()[position][:, None]
        assert_close(qkv[:, :rotated], torch.cat((first * c - second * s, second * c + first * s), -1), dtype, "turned")
        assert torch.equal(qkv[:, rotated:], before[:, rotated:]), "the other heads stay"
        written.append(qkv.clone())
        back = torch.zeros(tokens, heads, head_dim, dtype=dtype)
        rope.launch_rotate_heads(qkv, angles.cos(), angles.sin(), position, rotated, backward=True, out=back)
        assert_close(back[:, :rotated], before[:, :rotated].double(), dtype, "turned back")
    return written


@verifies("swiglu_project", "swiglu_backward")
def gate(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for gelu in (False, True):
        for rows, cols, rank in ((1, 1, 0), (19, 300, 6), (4, 1025, 0), (0, 8, 3)):
            gate_up, dy = apart(rows, 2 * cols, dtype), apart(rows, cols, dtype)
            leaf = gate_up.double().requires_grad_()
            g, up = leaf.chunk(2, dim=-1)
            want = (torch.nn.functional.gelu(g, approximate="tanh") if gelu else torch.nn.functional.silu(g)) * up
            (want_gradient,) = torch.autograd.grad(want, leaf, dy.double())
            buffer = torch.full((rows, cols + 64), torch.nan, dtype=dtype)
            y, u = buffer[:, :cols], buffer[:, cols:]
            lora_A = torch.randn(rank, cols) if rank else None
            swiglu.launch_swiglu_project(gate_up, lora_A, y, u if rank else None, gelu)
            assert_close(y, want, dtype, "y", beside=gate_up)
            if lora_A is not None:
                assert_close(u[:, :rank], y.double() @ lora_A.to(dtype).double().T, dtype, "u", beside=y)
            swiglu.launch_swiglu_backward(dy, gate_up, gate_up, gelu)  # in place
            assert_close(gate_up, want_gradient, dtype, "dgate_up", beside=dy)
            written += [y.clone(), gate_up.clone()]
    return written


@verifies("swiglu_lora_backward", "sum_partials")
def gate_with_adapters(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for rows, cols, rank, gelu in ((1, 5, 4, False), (77, 140, 4, False), (130, 200, 16, True), (0, 8, 4, False)):
        gate_up, dy = apart(rows, 2 * cols, dtype), apart(rows, cols, dtype)
        v_down, u = apart(rows, rank, dtype), apart(rows, 2 * rank, dtype)
        lora_B = torch.randn(cols, rank), torch.randn(cols, rank)
        y, plain = torch.empty(rows, cols, dtype=dtype), torch.empty(rows, 2 * cols, dtype=dtype)
        swiglu.launch_swiglu_project(gate_up, None, y, None, gelu)
        swiglu.launch_swiglu_backward(dy.clone(), gate_up, plain, gelu)  # held against float64 above
        v, da = torch.full((rows, 2 * rank), torch.nan, dtype=dtype), torch.full((rank, cols), torch.nan)
        db = torch.full((cols, rank), torch.nan), torch.full((cols, rank), torch.nan)
        swiglu_backward.launch_swiglu_lora_backward(dy, gate_up, gate_up, v_down, u, lora_B, (0.5, 2.0), v, da, db, gelu)
        assert_close(gate_up, plain.double(), dtype, "dgate_up", beside=dy)
        assert_close(da, v_down.double().T @ y.double(), dtype, "dA", beside=v_down)
        for i, scaling in enumerate((0.5, 2.0)):
            half, columns = gate_up[:, i * cols : (i + 1) * cols].double(), slice(i * rank, (i + 1) * rank)
            assert_close(v[:, columns], scaling * half @ lora_B[i].to(dtype).double(), dtype, "v", beside=dy)
            assert_close(db[i], scaling * half.T @ u[:, columns].double(), dtype, "dB", beside=dy)
        written += [gate_up.clone(), v, da, *db]
    return written


@verifies("cross_entropy_rows")
def loss(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for rows, vocab, softcap, is_weighted in (
        (1, 1, None, False),
        (7, 4100, None, True),
        (6, 8193, 3.0, False),
        (5, 33, 2.0, True),
        (0, 4, None, False),
    ):
        logits, targets = apart(rows, vocab, dtype), torch.randint(0, vocab, (rows,))
        targets[::3] = -100
        weights = torch.rand(rows) * 3 if is_weighted else None
        leaf = logits.double().requires_grad_()
        capped = leaf if softcap is None else softcap * (leaf / softcap).tanh()
        want = torch.nn.functional.cross_entropy(capped, targets, ignore_index=-100, reduction="none")
        want = want if weights is None else want * weights.double()
        (want_gradient,) = torch.autograd.grad(want.sum(), leaf)
        losses = torch.full((rows,), torch.nan)
        cross_entropy.launch_cross_entropy(logits, targets, weights, losses, softcap, writes_gradient=False)
        only_loss = losses.clone()
        cross_entropy.launch_cross_entropy(logits, targets, weights, losses, softcap, writes_gradient=True)
        assert_close(losses, want.detach(), dtype, "loss")
        assert torch.equal(losses, only_loss)
        assert_close(logits, want_gradient, dtype, "gradient", beside=torch.ones(rows))
        assert not logits[targets < 0].any()
        written += [losses, logits.clone()]
    return written


@verifies("sum_keyed_rows")
def keyed(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for count, cols, keys in ((1, 1, 1), (40, 70, 5), (23, 130, 100), (0, 4, 3)):
        rows, key = apart(count, cols, dtype), torch.randint(0, keys, (count,))
        out = torch.randn(keys, cols)
        want = out.double().index_add(0, key, rows.double())
        keyed_rows.launch_sum_keyed_rows(key, rows, out)
        assert_close(out, want, torch.float32, "sum")
        written.append(out)
    return written


run_checks()
