"""Perplexity of the held-out answers: how surprised each model is by what it should write."""

from collections.abc import Sequence

import pyarrow as pa
import torch

from ayar.data.pack import Batch, pack, split_long, tokenize
from ayar.data.prefix_tree import shared_prefixes
from ayar.evaluate.metrics import perplexity
from ayar.evaluate.progress import Progress, Scored
from ayar.model.batch import labelled_tokens
from ayar.model.decoder import Decoder
from ayar.text.tokenizer import Tokenizer


def reference_perplexity(decoder: Decoder, tokenizer: Tokenizer, rows: pa.Table, batch_tokens: int, progress: Progress) -> dict[str, float]:
    """{"base", "tuned"} over the trained tokens of the rows. Rows beyond the model's context are read in pieces, none is cut off."""
    examples = split_long(tokenize(rows, tokenizer), decoder.config.max_position_embeddings)
    tree = shared_prefixes(examples.input_ids, examples.offsets)
    batches = pack(examples, max(batch_tokens, int(examples.lengths.max())), seed=0, epoch=0, tree=tree)
    with decoder.without_adapters():
        base = _perplexity(decoder, batches, progress, "perplexity, base model")
    return {"base": base, "tuned": _perplexity(decoder, batches, progress, "perplexity, tuned model")}


@torch.no_grad()
def _perplexity(decoder: Decoder, batches: Sequence[Batch], progress: Progress, what: str) -> float:
    total = sum(labelled_tokens(batch) for batch in batches)
    loss, done = 0.0, 0
    for batch in batches:
        loss += float(decoder.loss(batch))
        done += labelled_tokens(batch)
        progress(Scored(what, done, total))
    return perplexity(loss, total)
