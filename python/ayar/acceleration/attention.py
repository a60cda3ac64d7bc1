"""Our attention as an implementation that transformers knows by the name "ayar": sequences of a batch, padded or packed, in one call.

What a query may see is causal (and within the window, where there is one) in every family that is accepted, so the mask that
transformers hands over is only which tokens are padding. Steps of generation behind a cache go to torch's own attention.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ayar.acceleration.report import Accelerated
from ayar.model.families import FAMILIES
from ayar.ops import attention

NAME = "ayar"


def take_attention(model: Any, report: Accelerated) -> None:
    """Sets the model's attention implementation. One switch for all its layers."""
    config = model.config
    reason = None
    if config.model_type not in FAMILIES:
        reason = f"the attention of model_type {config.model_type!r} is not known; {', '.join(FAMILIES)} are"
    elif getattr(config, "attention_dropout", 0.0):
        reason = f"attention_dropout {config.attention_dropout} is not built"
    elif getattr(config, "use_bidirectional_attention", False):
        reason = "use_bidirectional_attention is not built"
    if reason:
        report.leave("attention", reason)
        return
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, attention_forward)
    AttentionMaskInterface.register(NAME, padding_or_mask)
    before = config._attn_implementation
    config._attn_implementation = NAME
    report.taken["attention"] = "attention"
    report.on_restore(lambda: setattr(config, "_attn_implementation", before))


def padding_or_mask(batch_size: int, q_length: int, kv_length: int, **kwargs: Any) -> Tensor | None:
    """Where queries and keys are the same tokens: (batch, tokens), which are real; None: all. Behind a cache: torch's mask."""
    from transformers.masking_utils import sdpa_mask

    if q_length != kv_length:
        return sdpa_mask(batch_size=batch_size, q_length=q_length, kv_length=kv_length, **kwargs)
    real = kwargs.get("attention_mask")
    if real is None or real.shape[-1] != kv_length or bool(real.all()):
        return None
    return real.bool()


def attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    position_ids: Tensor | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """query: (batch, heads, tokens, head_dim); key, value: (batch, kv heads, keys, head_dim). Returns (batch, tokens, heads, head_dim)."""
    batch, heads, tokens, head_dim = query.shape
    scale = head_dim**-0.5 if scaling is None else scaling
    if tokens != key.shape[2] or (attention_mask is not None and attention_mask.dim() == 4):
        return _behind_a_cache(query, key, value, attention_mask, scale, softcap), None
    qkv = torch.cat((query, key, value), 1).transpose(1, 2).reshape(batch * tokens, -1, head_dim)
    begins = _begins(batch, tokens, position_ids)
    if attention_mask is None:
        y = attention(qkv, _borders(begins), heads, key.shape[1], scale, None, sliding_window, softcap)
    else:
        real = attention_mask.flatten()
        row_begins = torch.zeros_like(attention_mask)
        row_begins[torch.arange(batch), attention_mask.int().argmax(1)] = True  # the first real token of each row
        begins = begins | row_begins.flatten()
        rows = attention(qkv[real], _borders(begins[real]), heads, key.shape[1], scale, None, sliding_window, softcap)
        y = rows.new_zeros(len(qkv), rows.shape[1]).index_put((real.nonzero()[:, 0],), rows)
    return y.view(batch, tokens, heads, head_dim), None


def _begins(batch: int, tokens: int, position_ids: Tensor | None) -> Tensor:
    """Where a sequence begins: with each row, and where positions do not go on from the token before."""
    begins = torch.zeros(batch, tokens, dtype=torch.bool)
    begins[:, 0] = True
    if position_ids is not None and position_ids.dim() == 2 and position_ids.shape[1] == tokens:
        begins[:, 1:] |= position_ids[:, 1:] != position_ids[:, :-1] + 1
    return begins.flatten()


def _borders(begins: Tensor) -> Tensor:
    return torch.cat((begins.nonzero()[:, 0], torch.tensor([len(begins)]))).to(torch.int32)


def _behind_a_cache(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, softcap: float | None) -> Tensor:
    if softcap is None:
        y = nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=scale, enable_gqa=True)
        return y.transpose(1, 2).contiguous()
    group = query.shape[1] // key.shape[1]
    scores = softcap * (query @ key.repeat_interleave(group, 1).transpose(2, 3) * scale / softcap).tanh()
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min) if mask.dtype == torch.bool else scores + mask
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    return (weights @ value.repeat_interleave(group, 1)).transpose(1, 2).contiguous()
