"""How far tuning moved the model on text that has nothing to do with the task.

Perplexity before and after, and the mean of KL(base ‖ tuned) = Σ p_base (log p_base − log p_tuned) a token: it also sees
changes that leave the likelihood of the text alone (measured so by Kalajdzievski, 2024, arXiv 2401.05605).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ayar.data.pack import Batch
from ayar.errors import DataError
from ayar.evaluate.metrics import perplexity
from ayar.evaluate.progress import Progress, Scored
from ayar.model.decoder import Decoder
from ayar.text.tokenizer import Tokenizer

_LOGITS_AT_ONCE = 8_000_000  # 32 MB in fp32; T × V never stands whole


@dataclass
class Drift:
    """Sums over tokens, in nats."""

    tokens: int = 0
    base_loss: float = 0.0
    tuned_loss: float = 0.0
    kl: float = 0.0

    def add(self, other: "Drift") -> None:
        self.tokens += other.tokens
        self.base_loss += other.base_loss
        self.tuned_loss += other.tuned_loss
        self.kl += other.kl

    def scores(self) -> dict[str, Any]:
        base, tuned = perplexity(self.base_loss, self.tokens), perplexity(self.tuned_loss, self.tokens)
        return {"base_perplexity": base, "tuned_perplexity": tuned, "tokens": self.tokens, "kl_base_tuned": self.kl / self.tokens}


def forgetting(
    decoder: Decoder,
    tokenizer: Tokenizer,
    texts: Mapping[str, str],
    *,
    most_tokens: int,
    window_tokens: int,
    batch_tokens: int,
    progress: Progress,
) -> dict[str, Any]:
    """Scores of all texts together and, under "parts", of each. ``most_tokens`` is shared out evenly among the texts."""
    window = min(window_tokens, decoder.config.max_position_embeddings)
    ids = {name: tokenizer.encode(text).tolist()[: most_tokens // len(texts)] for name, text in texts.items()}
    short = next((name for name, tokens in ids.items() if len(tokens) < 2), None)
    if short is not None:
        raise DataError(f"evaluate: fewer than two tokens of the general text {short} would be read. Set evaluate.general_tokens higher.")
    total = sum(len(tokens) for tokens in ids.values())
    parts = {name: Drift() for name in texts}
    done = 0
    for name, tokens in ids.items():
        for batch in windows(tokens, window, batch_tokens):
            parts[name].add(drift(decoder, batch))
            done += len(batch.input_ids)
            progress(Scored("general text, both models", min(done, total), total))
    whole = Drift()
    for part in parts.values():
        whole.add(part)
    return whole.scores() | {"parts": {name: part.scores() for name, part in parts.items()}}


def windows(ids: Sequence[int], window: int, batch_tokens: int) -> Iterator[Batch]:
    """The ids in sequences of ``window`` tokens, every token but a sequence's first a target, some sequences to a batch."""
    pieces = [list(ids[start : start + window]) for start in range(0, len(ids), window)]
    pieces = [piece for piece in pieces if len(piece) > 1]  # a single token has nothing before it
    each = max(1, batch_tokens // window)
    for start in range(0, len(pieces), each):
        yield _batch(pieces[start : start + each])


@torch.no_grad()
def drift(decoder: Decoder, batch: Batch) -> Drift:
    """Both models on one batch's targets."""
    tuned = decoder.hidden_states(batch)[batch.positions]
    with decoder.without_adapters():
        base = decoder.hidden_states(batch)[batch.positions]
    result = Drift(tokens=len(batch.targets))
    rows = max(1, _LOGITS_AT_ONCE // decoder.config.vocab_size)
    for start in range(0, len(batch.targets), rows):
        part, targets = slice(start, start + rows), batch.targets[start : start + rows, None]
        base_log, tuned_log = _log_probabilities(decoder, base[part]), _log_probabilities(decoder, tuned[part])
        result.base_loss -= float(base_log.gather(1, targets).sum(dtype=torch.float64))
        result.tuned_loss -= float(tuned_log.gather(1, targets).sum(dtype=torch.float64))
        result.kl += float(((base_log - tuned_log) * base_log.exp()).sum(dtype=torch.float64))
    return result


def _log_probabilities(decoder: Decoder, hidden: Tensor) -> Tensor:
    return torch.log_softmax(decoder.project(hidden).float(), -1)


def _batch(pieces: Sequence[Sequence[int]]) -> Batch:
    lengths = torch.tensor([len(piece) for piece in pieces])
    borders = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    ids = torch.tensor([token for piece in pieces for token in piece], dtype=torch.int32)
    position_ids = torch.cat([torch.arange(len(piece), dtype=torch.int32) for piece in pieces])
    positions = torch.nonzero(torch.cat([torch.arange(len(piece)) < len(piece) - 1 for piece in pieces]))[:, 0]
    parents = torch.full((len(pieces),), -1, dtype=torch.int32)
    return Batch(ids, position_ids, borders.int(), parents, positions, ids[positions + 1].long(), torch.ones(len(positions)), len(ids))
