# pyright: reportCallIssue=false, reportMissingImports=false, reportArgumentType=false
"""Attention over packed trees of segments, forward and backward (FlashAttention-2: Dao, 2023, arXiv 2307.08691).

A pack lists its segments in depth-first order, so what a token may see needs one number a token: token q sees token k where
k ≤ q < visible_until[k], the end of the subtree of k's segment. Plain packing is the tree of depth one: visible_until is the end of
the sequence. Blocks of keys that a block of queries cannot see are never visited: ``Blocks`` lists the others, once a step.
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

from ayar.kernels.chip import Chip, chip_of

_LOG2_E = tl.constexpr(1.4426950408889634)


class Shape(NamedTuple):
    """Tiles of a kernel, and how it is pipelined."""

    block_m: int
    block_n: int
    num_warps: int
    num_stages: int


def forward_shape(chip: Chip, head_dim: int, element_size: int) -> Shape:
    """Queries × keys of one program, by what registers and shared memory hold."""
    if element_size > 2:
        return Shape(64, 32, 4, 1)
    if head_dim > 128:
        return Shape(64, 32, 8, 2)
    return Shape(128, 64, 8, 3 if chip.shared_bytes > (99 << 10) or head_dim <= 64 else 2)


def query_shape(chip: Chip, head_dim: int, element_size: int) -> Shape:
    """Of the gradient of the queries."""
    if element_size > 2 or head_dim > 128:
        return Shape(32, 32, 4, 1)
    return Shape(64, 64, 8, 2 if chip.shared_bytes > (99 << 10) or head_dim <= 64 else 1)


def key_shape(chip: Chip, head_dim: int, element_size: int) -> Shape:
    """Of the gradients of keys and values, which are two accumulators: half as many queries as keys."""
    if element_size > 2 or head_dim > 128:
        return Shape(32, 32, 4, 1)
    return Shape(32, 32, 4, 1) if head_dim <= 64 else Shape(32, 64, 8, 1)


class Blocks(NamedTuple):
    """For each block of one axis, the blocks of the other that it must visit: first those of which every pair is visible."""

    table: torch.Tensor  # (blocks, blocks of the other axis) int32
    complete: torch.Tensor  # (blocks,) int32: how many need no mask
    count: torch.Tensor  # (blocks,) int32: how many in all


class Plan(NamedTuple):
    """What every layer of a step shares. visible_until, position_ids: (tokens,) int32."""

    visible_until: torch.Tensor
    position_ids: torch.Tensor
    forward: Blocks  # keys of each block of queries
    query: Blocks  # the same for the tiles of the backward pass
    key: Blocks  # queries of each block of keys


def plan(visible_until: torch.Tensor, position_ids: torch.Tensor, head_dim: int, element_size: int, window: int | None = None) -> Plan:
    """Block lists from the visibility of tokens, on their device and without waiting for it."""
    chip = chip_of(visible_until)
    shapes = [shape(chip, head_dim, element_size) for shape in (forward_shape, query_shape, key_shape)]
    judged = [_visible_blocks(visible_until, position_ids, shape.block_m, shape.block_n, window) for shape in shapes]
    by_key = [pairs.t() for pairs in judged[2]]
    return Plan(visible_until, position_ids, _listed(*judged[0]), _listed(*judged[1]), _listed(*by_key))


def _visible_blocks(
    until: torch.Tensor, position: torch.Tensor, block_m: int, block_n: int, window: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(query blocks, key blocks): whether any pair is visible, and whether every pair is."""
    tokens = until.shape[0]
    query = torch.arange(0, tokens, block_m, device=until.device)
    last_query = (query + block_m).clamp(max=tokens) - 1
    key = torch.arange(0, tokens, block_n, device=until.device)
    last_key = key + block_n - 1
    latest, earliest = _blockwise(until, block_n, 0).amax(1), _blockwise(until, block_n, 0).amin(1)
    visible = (key[None, :] <= last_query[:, None]) & (latest[None, :] > query[:, None])
    complete = (last_key[None, :] <= query[:, None]) & (earliest[None, :] > last_query[:, None])
    if window is not None:  # judged by the extremes of the blocks: a block that no pair needs may be visited, none is left out
        farthest = _blockwise(position, block_m, 0).amax(1)[:, None] - _blockwise(position, block_n, 1 << 30).amin(1)[None, :]
        nearest = _blockwise(position, block_m, 1 << 30).amin(1)[:, None] - _blockwise(position, block_n, 0).amax(1)[None, :]
        visible, complete = visible & (nearest < window), complete & (farthest < window)
    return visible, complete


def _blockwise(values: torch.Tensor, block: int, filler: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, -values.shape[0] % block), value=filler).view(-1, block)


def _listed(visible: torch.Tensor, complete: torch.Tensor) -> Blocks:
    complete = complete & visible
    rank = 2 - visible.to(torch.int8) - complete.to(torch.int8)
    table = torch.sort(rank, dim=1, stable=True).indices.to(torch.int32).contiguous()
    return Blocks(table, complete.sum(1, dtype=torch.int32), visible.sum(1, dtype=torch.int32))


@triton.jit
def _visible(row, col, until_ptr, position_ptr, tokens, window, HAS_WINDOW: tl.constexpr):
    """(rows, cols): whether query ``row`` sees key ``col``."""
    until = tl.load(until_ptr + col, col < tokens, other=0)
    seen = (col[None, :] <= row[:, None]) & (row[:, None] < until[None, :])
    if HAS_WINDOW:
        row_position = tl.load(position_ptr + row, row < tokens, other=0)
        col_position = tl.load(position_ptr + col, col < tokens, other=0)
        seen = seen & (row_position[:, None] - col_position[None, :] < window)
    return seen


@triton.jit
def _scores(product, scale, softcap, HAS_SOFTCAP: tl.constexpr):
    """scale · q kᵀ, through softcap · tanh(· / softcap) where there is a cap."""
    scores = product * scale
    if HAS_SOFTCAP:
        scores = softcap - 2 * softcap / (tl.exp2(scores * (2 * _LOG2_E / softcap)) + 1)
    return scores


@triton.jit
def _tile(base_ptr, index, stride, dim, count, head_dim):
    """(rows, dims) of one head, zeros outside."""
    ptrs = base_ptr + index.to(tl.int64)[:, None] * stride + dim[None, :]
    return tl.load(ptrs, (index < count)[:, None] & (dim < head_dim)[None, :], other=0.0)


@triton.jit
def _attend(
    query, y, total, largest, begin, end, list_ptr, key_ptr, value_ptr, until_ptr, position_ptr, row, tokens, head_dim, scale, softcap, window,
    stride_token, MASKED: tl.constexpr, HAS_SOFTCAP: tl.constexpr, HAS_WINDOW: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """The running softmax over the listed blocks of keys."""
    dim = tl.arange(0, BLOCK_D)
    for i in range(begin, end):
        col = tl.load(list_ptr + i) * BLOCK_N + tl.arange(0, BLOCK_N)
        key = _tile(key_ptr, col, stride_token, dim, tokens, head_dim)
        scores = _scores(tl.dot(query, tl.trans(key), input_precision="ieee"), scale, softcap, HAS_SOFTCAP)
        if MASKED:
            scores = tl.where(_visible(row, col, until_ptr, position_ptr, tokens, window, HAS_WINDOW), scores, -1.0e30)
        larger = tl.maximum(largest, tl.max(scores, 1))
        p = tl.exp2((scores - larger[:, None]) * _LOG2_E)
        fade = tl.exp2((largest - larger) * _LOG2_E)
        total = total * fade + tl.sum(p, 1)
        value = _tile(value_ptr, col, stride_token, dim, tokens, head_dim)
        y = tl.dot(p.to(value.dtype), value, y * fade[:, None], input_precision="ieee")
        largest = larger
    return y, total, largest


@triton.jit
def attention_forward(
    qkv_ptr, until_ptr, position_ptr, table_ptr, complete_ptr, count_ptr, y_ptr, logsumexp_ptr, tokens, num_heads, num_kv_heads, head_dim,
    scale, softcap, window, stride_token, stride_head, stride_y, stride_table,
    HAS_SOFTCAP: tl.constexpr, HAS_WINDOW: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """One program: a block of queries of one head. Blocks that need no mask come first, and have a loop of their own."""
    block, head = tl.program_id(0), tl.program_id(1)
    kv_head = head // (num_heads // num_kv_heads)
    row = block * BLOCK_M + tl.arange(0, BLOCK_M)
    dim = tl.arange(0, BLOCK_D)
    query = _tile(qkv_ptr + head * stride_head, row, stride_token, dim, tokens, head_dim)
    key_ptr = qkv_ptr + (num_heads + kv_head) * stride_head
    value_ptr = key_ptr + num_kv_heads * stride_head
    list_ptr = table_ptr + block * stride_table
    complete, count = tl.load(complete_ptr + block), tl.load(count_ptr + block)
    largest = tl.full((BLOCK_M,), -1.0e30, tl.float32)  # finite: a row may be masked in the first blocks that it visits
    total = tl.zeros((BLOCK_M,), tl.float32)
    y = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    y, total, largest = _attend(
        query, y, total, largest, 0, complete, list_ptr, key_ptr, value_ptr, until_ptr, position_ptr, row, tokens, head_dim, scale, softcap,
        window, stride_token, False, HAS_SOFTCAP, HAS_WINDOW, BLOCK_N, BLOCK_D,
    )  # fmt: skip
    y, total, largest = _attend(
        query, y, total, largest, complete, count, list_ptr, key_ptr, value_ptr, until_ptr, position_ptr, row, tokens, head_dim, scale, softcap,
        window, stride_token, True, HAS_SOFTCAP, HAS_WINDOW, BLOCK_N, BLOCK_D,
    )  # fmt: skip
    y /= total[:, None]
    y_ptrs = y_ptr + row.to(tl.int64)[:, None] * stride_y + head * head_dim + dim[None, :]
    tl.store(y_ptrs, y.to(y_ptr.dtype.element_ty), (row < tokens)[:, None] & (dim < head_dim)[None, :])
    tl.store(logsumexp_ptr + row.to(tl.int64) * num_heads + head, largest + tl.log(total), row < tokens)


@triton.jit
def attention_delta(
    dy_ptr, y_ptr, delta_ptr, pairs, num_heads, head_dim, stride_dy, stride_y, BLOCK_M: tl.constexpr, BLOCK_D: tl.constexpr
):
    """delta[token, head] = Σ dy · y: what the softmax takes from its gradient."""
    pair = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    token, head = pair // num_heads, pair % num_heads
    dim = tl.arange(0, BLOCK_D)
    mask = (pair < pairs)[:, None] & (dim < head_dim)[None, :]
    offset = head[:, None] * head_dim + dim[None, :]
    dy = tl.load(dy_ptr + token[:, None] * stride_dy + offset, mask, other=0.0).to(tl.float32)
    y = tl.load(y_ptr + token[:, None] * stride_y + offset, mask, other=0.0).to(tl.float32)
    tl.store(delta_ptr + pair, tl.sum(dy * y, 1), pair < pairs)


@triton.jit
def _probabilities_and_slope(
    query, key, dy, value, logsumexp, delta, row, col, until_ptr, position_ptr, tokens, scale, softcap, window,
    MASKED: tl.constexpr, HAS_SOFTCAP: tl.constexpr, HAS_WINDOW: tl.constexpr,
):  # fmt: skip
    """p and dscores / scale of one tile, both (queries, keys)."""
    scores = _scores(tl.dot(query, tl.trans(key), input_precision="ieee"), scale, softcap, HAS_SOFTCAP)
    p = tl.exp2((scores - logsumexp[:, None]) * _LOG2_E)
    if MASKED:
        p = tl.where(_visible(row, col, until_ptr, position_ptr, tokens, window, HAS_WINDOW), p, 0.0)
    dscores = p * (tl.dot(dy, tl.trans(value), input_precision="ieee") - delta[:, None])
    if HAS_SOFTCAP:
        dscores *= 1 - (scores / softcap) * (scores / softcap)
    return p, dscores


@triton.jit
def _add_query_gradient(
    dquery, query, dy, logsumexp, delta, begin, end, list_ptr, key_ptr, value_ptr, until_ptr, position_ptr, row, tokens, head_dim,
    scale, softcap, window, stride_token,
    MASKED: tl.constexpr, HAS_SOFTCAP: tl.constexpr, HAS_WINDOW: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    dim = tl.arange(0, BLOCK_D)
    for i in range(begin, end):
        col = tl.load(list_ptr + i) * BLOCK_N + tl.arange(0, BLOCK_N)
        key = _tile(key_ptr, col, stride_token, dim, tokens, head_dim)
        value = _tile(value_ptr, col, stride_token, dim, tokens, head_dim)
        _, dscores = _probabilities_and_slope(
            query, key, dy, value, logsumexp, delta, row, col, until_ptr, position_ptr, tokens, scale, softcap, window,
            MASKED, HAS_SOFTCAP, HAS_WINDOW,
        )  # fmt: skip
        dquery = tl.dot(dscores.to(key.dtype), key, dquery, input_precision="ieee")
    return dquery


@triton.jit
def attention_backward_query(
    qkv_ptr, dy_ptr, logsumexp_ptr, delta_ptr, until_ptr, position_ptr, table_ptr, complete_ptr, count_ptr, dqkv_ptr,
    tokens, num_heads, num_kv_heads, head_dim, scale, softcap, window, stride_token, stride_head, stride_dy, stride_dtoken, stride_dhead, stride_table,
    HAS_SOFTCAP: tl.constexpr, HAS_WINDOW: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """One program: the gradient of a block of queries of one head."""
    block, head = tl.program_id(0), tl.program_id(1)
    kv_head = head // (num_heads // num_kv_heads)
    row = block * BLOCK_M + tl.arange(0, BLOCK_M)
    dim = tl.arange(0, BLOCK_D)
    query = _tile(qkv_ptr + head * stride_head, row, stride_token, dim, tokens, head_dim)
    dy = _tile(dy_ptr + head * head_dim, row, stride_dy, dim, tokens, head_dim)
    logsumexp = tl.load(logsumexp_ptr + row.to(tl.int64) * num_heads + head, row < tokens, other=0.0)
    delta = tl.load(delta_ptr + row.to(tl.int64) * num_heads + head, row < tokens, other=0.0)
    key_ptr = qkv_ptr + (num_heads + kv_head) * stride_head
    value_ptr = key_ptr + num_kv_heads * stride_head
    list_ptr = table_ptr + block * stride_table
    complete, count = tl.load(complete_ptr + block), tl.load(count_ptr + block)
    dquery = tl.zeros((BLOCK_M, BLOCK_D), tl.float32)
    dquery = _add_query_gradient(
        dquery, query, dy, logsumexp, delta, 0, complete, list_ptr, key_ptr, value_ptr, until_ptr, position_ptr, row, tokens, head_dim,
        scale, softcap, window, stride_token, False, HAS_SOFTCAP, HAS_WINDOW, BLOCK_N, BLOCK_D,
    )  # fmt: skip
    dquery = _add_query_gradient(
        dquery, query, dy, logsumexp, delta, complete, count, list_ptr, key_ptr, value_ptr, until_ptr, position_ptr, row, tokens, head_dim,
        scale, softcap, window, stride_token, True, HAS_SOFTCAP, HAS_WINDOW, BLOCK_N, BLOCK_D,
    )  # fmt: skip
    ptrs = dqkv_ptr + row.to(tl.int64)[:, None] * stride_dtoken + head * stride_dhead + dim[None, :]
    tl.store(ptrs, (dquery * scale).to(dqkv_ptr.dtype.element_ty), (row < tokens)[:, None] & (dim < head_dim)[None, :])


@triton.jit
def _add_key_gradient(
    dkey, dvalue, key, value, begin, end, list_ptr, query_ptr, dy_ptr, logsumexp_ptr, delta_ptr, until_ptr, position_ptr, col,
    tokens, num_heads, head_dim, scale, softcap, window, stride_token, stride_dy,
    MASKED: tl.constexpr, HAS_SOFTCAP: tl.constexpr, HAS_WINDOW: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    dim = tl.arange(0, BLOCK_D)
    for i in range(begin, end):
        row = tl.load(list_ptr + i) * BLOCK_M + tl.arange(0, BLOCK_M)
        query = _tile(query_ptr, row, stride_token, dim, tokens, head_dim)
        dy = _tile(dy_ptr, row, stride_dy, dim, tokens, head_dim)
        logsumexp = tl.load(logsumexp_ptr + row.to(tl.int64) * num_heads, row < tokens, other=float("inf"))  # no row there: p = 0
        delta = tl.load(delta_ptr + row.to(tl.int64) * num_heads, row < tokens, other=0.0)
        p, dscores = _probabilities_and_slope(
            query, key, dy, value, logsumexp, delta, row, col, until_ptr, position_ptr, tokens, scale, softcap, window,
            MASKED, HAS_SOFTCAP, HAS_WINDOW,
        )  # fmt: skip
        dvalue = tl.dot(tl.trans(p.to(dy.dtype)), dy, dvalue, input_precision="ieee")
        dkey = tl.dot(tl.trans(dscores.to(query.dtype)), query, dkey, input_precision="ieee")
    return dkey, dvalue


@triton.jit
def attention_backward_key_value(
    qkv_ptr, dy_ptr, logsumexp_ptr, delta_ptr, until_ptr, position_ptr, table_ptr, complete_ptr, count_ptr, dqkv_ptr,
    tokens, num_heads, num_kv_heads, head_dim, scale, softcap, window, stride_token, stride_head, stride_dy, stride_dtoken, stride_dhead, stride_table,
    HAS_SOFTCAP: tl.constexpr, HAS_WINDOW: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """One program: the gradients of a block of keys and values of one kv head, summed over the query heads of its group."""
    block, kv_head = tl.program_id(0), tl.program_id(1)
    col = block * BLOCK_N + tl.arange(0, BLOCK_N)
    dim = tl.arange(0, BLOCK_D)
    group = num_heads // num_kv_heads
    key = _tile(qkv_ptr + (num_heads + kv_head) * stride_head, col, stride_token, dim, tokens, head_dim)
    value = _tile(qkv_ptr + (num_heads + num_kv_heads + kv_head) * stride_head, col, stride_token, dim, tokens, head_dim)
    list_ptr = table_ptr + block * stride_table
    complete, count = tl.load(complete_ptr + block), tl.load(count_ptr + block)
    dkey = tl.zeros((BLOCK_N, BLOCK_D), tl.float32)
    dvalue = tl.zeros((BLOCK_N, BLOCK_D), tl.float32)
    for member in range(group):
        head = kv_head * group + member
        query_ptr, dy_head_ptr = qkv_ptr + head * stride_head, dy_ptr + head * head_dim
        dkey, dvalue = _add_key_gradient(
            dkey, dvalue, key, value, 0, complete, list_ptr, query_ptr, dy_head_ptr, logsumexp_ptr + head, delta_ptr + head, until_ptr,
            position_ptr, col, tokens, num_heads, head_dim, scale, softcap, window, stride_token, stride_dy,
            False, HAS_SOFTCAP, HAS_WINDOW, BLOCK_M, BLOCK_D,
        )  # fmt: skip
        dkey, dvalue = _add_key_gradient(
            dkey, dvalue, key, value, complete, count, list_ptr, query_ptr, dy_head_ptr, logsumexp_ptr + head, delta_ptr + head, until_ptr,
            position_ptr, col, tokens, num_heads, head_dim, scale, softcap, window, stride_token, stride_dy,
            True, HAS_SOFTCAP, HAS_WINDOW, BLOCK_M, BLOCK_D,
        )  # fmt: skip
    mask = (col < tokens)[:, None] & (dim < head_dim)[None, :]
    ptrs = dqkv_ptr + col.to(tl.int64)[:, None] * stride_dtoken + (num_heads + kv_head) * stride_dhead + dim[None, :]
    tl.store(ptrs, (dkey * scale).to(dqkv_ptr.dtype.element_ty), mask)
    tl.store(ptrs + num_kv_heads * stride_dhead, dvalue.to(dqkv_ptr.dtype.element_ty), mask)


def launch_attention_forward(
    qkv: Any, plan: Plan, num_heads: int, num_kv_heads: int, scale: float, softcap: float | None, window: int | None, y: Any, logsumexp: Any
) -> None:
    """y (tokens, num_heads · head_dim), logsumexp (tokens, num_heads) fp32. qkv: (tokens, num_heads + 2 · num_kv_heads, head_dim), of
    which tokens may lie apart. plan: of this ``window``."""
    tokens, _, head_dim = qkv.shape
    if tokens == 0:
        return
    shape = forward_shape(chip_of(qkv), head_dim, qkv.element_size())
    attention_forward[(triton.cdiv(tokens, shape.block_m), num_heads)](
        qkv, plan.visible_until, plan.position_ids, *plan.forward, y, logsumexp, tokens, num_heads, num_kv_heads, head_dim,
        scale, softcap or 1.0, window or 0, qkv.stride(0), qkv.stride(1), y.stride(0), plan.forward.table.stride(0),
        HAS_SOFTCAP=softcap is not None, HAS_WINDOW=window is not None, BLOCK_M=shape.block_m, BLOCK_N=shape.block_n,
        BLOCK_D=_padded(head_dim), num_warps=shape.num_warps, num_stages=shape.num_stages,
    )  # fmt: skip


def launch_attention_backward(
    dy: Any, qkv: Any, y: Any, logsumexp: Any, plan: Plan, num_heads: int, num_kv_heads: int, scale: float, softcap: float | None,
    window: int | None, dqkv: Any,
) -> None:  # fmt: skip
    """dqkv, of the shape of qkv; its tokens may lie apart, at other distances than those of qkv."""
    tokens, _, head_dim = qkv.shape
    if tokens == 0:
        return
    delta = logsumexp.new_empty(tokens, num_heads)
    block = max(1, 4096 // _padded(head_dim))
    attention_delta[(triton.cdiv(tokens * num_heads, block),)](
        dy,
        y,
        delta,
        tokens * num_heads,
        num_heads,
        head_dim,
        dy.stride(0),
        y.stride(0),
        BLOCK_M=block,
        BLOCK_D=_padded(head_dim),
        num_warps=4,
    )
    chip, element_size = chip_of(qkv), qkv.element_size()
    query, key = query_shape(chip, head_dim, element_size), key_shape(chip, head_dim, element_size)
    steps = (
        (attention_backward_query, plan.query, query, query.block_m, num_heads),
        (attention_backward_key_value, plan.key, key, key.block_n, num_kv_heads),
    )
    for kernel, blocks, shape, block, heads in steps:
        kernel[(triton.cdiv(tokens, block), heads)](
            qkv, dy, logsumexp, delta, plan.visible_until, plan.position_ids, *blocks, dqkv, tokens, num_heads, num_kv_heads, head_dim,
            scale, softcap or 1.0, window or 0, qkv.stride(0), qkv.stride(1), dy.stride(0), dqkv.stride(0), dqkv.stride(1), blocks.table.stride(0),
            HAS_SOFTCAP=softcap is not None, HAS_WINDOW=window is not None, BLOCK_M=shape.block_m, BLOCK_N=shape.block_n,
            BLOCK_D=_padded(head_dim), num_warps=shape.num_warps, num_stages=shape.num_stages,
        )  # fmt: skip


def _padded(head_dim: int) -> int:
    return max(16, triton.next_power_of_2(head_dim))
