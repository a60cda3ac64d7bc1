"""Keys and values of tokens already read. Rows that begin alike read their common beginning once and share it."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ayar.ops import attention

if TYPE_CHECKING:
    from ayar.model.decoder import Decoder

_SCORES_LIMIT = 16_000_000  # attention scores against the shared beginning held at once: 64 MB


class KeyValueCache:
    """The cache of ``rows`` sequences, each with room for ``capacity`` tokens after ``shared``, a one-row cache that all begin with."""

    def __init__(self, decoder: "Decoder", rows: int, capacity: int, shared: "KeyValueCache | None" = None) -> None:
        config = decoder.config
        shape = (rows, capacity, config.num_key_value_heads, config.head_dim)
        self.keys = [torch.zeros(shape, dtype=decoder.dtype) for _ in range(config.num_hidden_layers)]
        self.values = [torch.zeros(shape, dtype=decoder.dtype) for _ in range(config.num_hidden_layers)]
        self.lengths = [0] * rows
        self.capacity = capacity
        self._decoder, self._shared = decoder, shared
        self.shared_length = 0 if shared is None else shared.lengths[0]

    @torch.no_grad()
    def extend(self, tokens: Sequence[Sequence[int]], rows: Sequence[int]) -> Tensor:
        """Reads more tokens of some rows, each at least one; returns the hidden state of each one's last token, (len(rows), H)."""
        block = _Block(self, tokens, rows)
        position_ids = torch.tensor(block.slots, dtype=torch.int32) + self.shared_length
        input_ids = torch.tensor([token for sequence in tokens for token in sequence], dtype=torch.int32)
        last = block.cu_seqlens[1:].long() - 1
        hidden = self._decoder.run(input_ids, position_ids, block.attend, last)
        for row, sequence in zip(rows, tokens, strict=True):
            self.lengths[row] += len(sequence)
        return hidden


class _Block:
    """Attention of new tokens: to themselves, to what their rows have read, and to the shared beginning."""

    def __init__(self, cache: KeyValueCache, tokens: Sequence[Sequence[int]], rows: Sequence[int]) -> None:
        config = cache._decoder.config
        self.cache = cache
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.scale, self.softcap, self.windows = config.attention_scale, config.attn_logit_softcapping, config.windows
        counts = [len(sequence) for sequence in tokens]
        starts = [cache.lengths[row] for row in rows]
        self.is_first = cache._shared is None and not any(starts)
        self.slots = [start + index for start, count in zip(starts, counts, strict=True) for index in range(count)]
        self.cu_seqlens = torch.tensor([0, *accumulate(counts)], dtype=torch.int32)
        self.rows = torch.tensor(rows)
        self.row_of = torch.repeat_interleave(self.rows, torch.tensor(counts))
        self.slot_of = torch.tensor(self.slots)
        self.sequence_of = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(counts))
        self.index_of = torch.tensor([index for count in counts for index in range(count)])
        self.reach = max(start + count for start, count in zip(starts, counts, strict=True))
        query_slots = torch.tensor(starts)[:, None] + torch.arange(max(counts))
        self.ages = query_slots[:, :, None] - torch.arange(self.reach)  # of each key to each query: (sequences, longest block, reach)

    def attend(self, layer: int, qkv: Tensor) -> Tensor:
        query, key, value = qkv.split((self.heads, self.kv_heads, self.kv_heads), 1)
        self.cache.keys[layer][self.row_of, self.slot_of] = key
        self.cache.values[layer][self.row_of, self.slot_of] = value
        if self.is_first:
            return attention(qkv, self.cu_seqlens, self.heads, self.kv_heads, self.scale, None, self.windows[layer], self.softcap)
        window = self.windows[layer]
        own, own_weight = self._own(query, self.cache.keys[layer], self.cache.values[layer], window)
        shared = self.cache._shared
        if shared is not None:
            length = shared.lengths[0]
            begun, begun_weight = self._shared(query, shared.keys[layer][0, :length], shared.values[layer][0, :length], window)
            own = torch.lerp(own, begun, torch.sigmoid(begun_weight - own_weight)[..., None])  # softmax over both parts
        return own.to(qkv.dtype).flatten(1)

    def _own(self, query: Tensor, keys: Tensor, values: Tensor, window: int | None) -> tuple[Tensor, Tensor]:
        """Attention to the rows' own tokens: fp32 (T, heads, head_dim), and its logsumexp (T, heads)."""
        sequences, longest, head_dim = *self.ages.shape[:2], query.shape[-1]
        group = self.heads // self.kv_heads
        padded = query.new_zeros(sequences, longest, self.heads, head_dim)
        padded[self.sequence_of, self.index_of] = query
        padded = padded.view(sequences, longest, self.kv_heads, group, head_dim).permute(0, 2, 3, 1, 4).flatten(2, 3)
        key, value = (cached[self.rows, : self.reach].transpose(1, 2) for cached in (keys, values))
        scores = self._scores(padded, key.transpose(-1, -2)).view(sequences, self.kv_heads, group, longest, self.reach)
        scores.masked_fill_(_is_hidden(self.ages, window)[:, None, None], -torch.inf)
        weight = scores.logsumexp(-1)
        mixed = (scores.softmax(-1).to(value.dtype).flatten(2, 3) @ value).view(*weight.shape, head_dim)
        mixed, weight = mixed.permute(0, 3, 1, 2, 4).flatten(2, 3), weight.permute(0, 3, 1, 2).flatten(2, 3)
        return mixed[self.sequence_of, self.index_of].float(), weight[self.sequence_of, self.index_of]

    def _shared(self, query: Tensor, keys: Tensor, values: Tensor, window: int | None) -> tuple[Tensor, Tensor]:
        """Attention of every token to the shared beginning: fp32 (T, heads, head_dim), and its logsumexp (T, heads): −∞ if it sees none."""
        key, value = keys.permute(1, 2, 0), values.transpose(0, 1)  # (kv heads, head_dim, length), (kv heads, length, head_dim)
        mixed, weight = [], []
        rows = max(1, _SCORES_LIMIT // (self.heads * key.shape[-1]))
        for part, slots in zip(query.split(rows), self.slot_of.split(rows), strict=True):
            grouped = part.view(len(part), self.kv_heads, -1, part.shape[-1]).transpose(0, 1).flatten(1, 2)
            scores = self._scores(grouped, key)
            if window is not None:
                ages = slots[:, None] + len(keys) - torch.arange(len(keys))
                hidden = _is_hidden(ages, window).repeat_interleave(self.heads // self.kv_heads, dim=0)
                scores.masked_fill_(hidden, -torch.inf)
            weight.append(scores.logsumexp(-1).view(self.kv_heads, len(part), -1).transpose(0, 1).flatten(1))
            output = scores.softmax(-1).nan_to_num_().to(value.dtype) @ value  # a row that sees nothing has weight 0
            mixed.append(output.view(self.kv_heads, len(part), -1, part.shape[-1]).transpose(0, 1).flatten(1, 2).float())
        return torch.cat(mixed), torch.cat(weight)

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        scores = (query @ key).float().mul_(self.scale)
        return scores if self.softcap is None else scores.div_(self.softcap).tanh_().mul_(self.softcap)


def _is_hidden(ages: Tensor, window: int | None) -> Tensor:
    """Which keys a query does not see: the later ones, and those that have left its window."""
    return ages < 0 if window is None else (ages < 0) | (ages >= window)
