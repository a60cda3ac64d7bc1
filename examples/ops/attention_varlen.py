"""Sequences of three lengths in one batch, without padding, that do not see each other: python examples/ops/attention_varlen.py"""

import torch

from ayar.ops import attention_varlen

LENGTHS, HEADS, KV_HEADS, HEAD_DIM = (7, 30, 12), 6, 2, 32


def main() -> float:
    """The largest difference to torch, one sequence at a time."""
    torch.manual_seed(0)
    tokens = sum(LENGTHS)
    query, key, value = (torch.randn(tokens, heads, HEAD_DIM) for heads in (HEADS, KV_HEADS, KV_HEADS))
    cu_seqlens = torch.tensor([0, *LENGTHS]).cumsum(0).int()
    packed = attention_varlen(query, key, value, cu_seqlens)

    largest = 0.0
    for ours, *parts in zip(*(x.split(LENGTHS) for x in (packed, query, key, value)), strict=True):
        q, k, v = (part.transpose(0, 1)[None] for part in parts)
        alone = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        largest = max(largest, float((ours - alone[0].transpose(0, 1)).abs().max()))
    print(f"{len(LENGTHS)} sequences in {tokens} rows; alone they give the same to {largest:.1e}")
    return largest


if __name__ == "__main__":
    main()
