"""Keys and values of tokens already read. Rows that begin alike read their common beginning once and share it."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ayar.ops import attention

if TYPE_CHECKING:
    from ayar.model.decoder import Decoder


class KeyValueCache:
    """The cache of ``rows`` sequences: what all begin with, once, and room for ``capacity`` tokens of each after it."""

    def __init__(self, decoder: "Decoder", rows: int, capacity: int, shared_length: int) -> None:
        config = decoder.config
        layers, one = range(config.num_hidden_layers), (config.num_key_value_heads, config.head_dim)
        self.keys, self.values = ([torch.zeros(rows, capacity, *one, dtype=decoder.dtype) for _ in layers] for _ in range(2))
        self.shared_keys, self.shared_values = ([torch.zeros(shared_length, *one, dtype=decoder.dtype) for _ in layers] for _ in range(2))
        self.lengths = [0] * rows
        self.capacity, self.shared_length = capacity, shared_length
        self._decoder = decoder

    @torch.no_grad()
    def read(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """Reads each row's prompt, the shared beginning once, in one pass; returns the hidden state of each one's last token, (rows, H)."""
        config, begin = self._decoder.config, self.shared_length
        tails = [prompt[begin:] for prompt in prompts]
        counts = torch.tensor([len(tail) for tail in tails])
        first = [0, begin] if begin else [0]  # the beginning is a segment; the tails go on from it
        cu_seqlens = torch.tensor([*first[:-1], *accumulate(counts.tolist(), initial=begin)], dtype=torch.int32)
        parents = torch.tensor([-1, *[0] * len(tails)] if begin else [-1] * len(tails), dtype=torch.int32)
        row_of = torch.repeat_interleave(torch.arange(len(tails)), counts)
        slot_of = torch.cat([torch.arange(count) for count in counts.tolist()])

        def attend(layer: int, qkv: Tensor) -> Tensor:
            _, key, value = qkv.split((config.num_attention_heads, config.num_key_value_heads, config.num_key_value_heads), 1)
            self.shared_keys[layer][:], self.shared_values[layer][:] = key[:begin], value[:begin]
            self.keys[layer][row_of, slot_of], self.values[layer][row_of, slot_of] = key[begin:], value[begin:]
            heads = (config.num_attention_heads, config.num_key_value_heads)
            scale, window, softcap = config.attention_scale, config.windows[layer], config.attn_logit_softcapping
            return attention(qkv, cu_seqlens, *heads, scale, parents, window, softcap)

        input_ids = torch.tensor([*prompts[0][:begin], *(token for tail in tails for token in tail)], dtype=torch.int32)
        position_ids = torch.cat([torch.arange(begin), slot_of + begin]).int()
        hidden = self._decoder.run(input_ids, position_ids, attend, cu_seqlens[-len(tails) :].long() - 1)
        self.lengths = counts.tolist()
        return hidden

    @torch.no_grad()
    def extend(self, tokens: Sequence[int], rows: Sequence[int]) -> Tensor:
        """Reads one more token of each of some rows; returns their hidden states, (len(rows), H)."""
        config, begin = self._decoder.config, self.shared_length
        heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
        index, slots = torch.tensor(rows), torch.tensor([self.lengths[row] for row in rows])
        reach = int(slots.max()) + 1
        ages = (slots + begin)[:, None] - torch.arange(begin + reach)  # of each key to each query

        def attend(layer: int, qkv: Tensor) -> Tensor:
            query, key, value = qkv.split((heads, kv_heads, kv_heads), 1)
            self.keys[layer][index, slots], self.values[layer][index, slots] = key, value
            query = query.unflatten(1, (kv_heads, heads // kv_heads))  # (rows, kv heads, group, head_dim)
            beside = query.transpose(0, 1).flatten(1, 2)  # all rows meet the shared beginning in one product
            begun = (beside @ self.shared_keys[layer].permute(1, 2, 0)).unflatten(1, (len(rows), -1)).transpose(0, 1)
            own = query @ self.keys[layer][index, :reach].permute(0, 2, 3, 1)
            scores = torch.cat([begun, own], -1).float() * config.attention_scale
            if config.attn_logit_softcapping is not None:
                scores = (scores / config.attn_logit_softcapping).tanh() * config.attn_logit_softcapping
            window = config.windows[layer]
            hidden = ages < 0 if window is None else (ages < 0) | (ages >= window)
            p = scores.masked_fill_(hidden[:, None, None], -torch.inf).softmax(-1).to(value.dtype)
            mixed = p[..., begin:] @ self.values[layer][index, :reach].transpose(1, 2)
            if begin:
                part = p[..., :begin].transpose(0, 1).flatten(1, 2) @ self.shared_values[layer].transpose(0, 1)
                mixed = mixed + part.unflatten(1, (len(rows), -1)).transpose(0, 1)
            return mixed.flatten(1)

        hidden = self._decoder.run(torch.tensor(tokens, dtype=torch.int32), (slots + begin).int(), attend)
        for row in rows:
            self.lengths[row] += 1
        return hidden
