"""Perplexity and KL on general text against plain torch over whole logits."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from ayar.errors import DataError
from ayar.evaluate import forgetting as module
from ayar.evaluate.forgetting import forgetting, windows
from ayar.evaluate.general_text import general_text
from ayar.evaluate.progress import Scored
from ayar.model.decoder import Decoder
from ayar.text.tokenizer import Tokenizer
from tests.evaluate.tiny_run import tiny_model

TEXTS = {"en": "my card was charged twice and I want my money back. " * 3, "tr": "kartımdan iki kez para çekildi, iade istiyorum. " * 2}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Decoder, Tokenizer]:
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("logits_at_once", [1, 3000, 10**9])
def test_equals_plain_torch(model: tuple[Decoder, Tokenizer], monkeypatch: pytest.MonkeyPatch, logits_at_once: int) -> None:
    decoder, tokenizer = model
    monkeypatch.setattr(module, "_LOGITS_AT_ONCE", logits_at_once)
    events: list[Scored] = []
    got = forgetting(decoder, tokenizer, TEXTS, most_tokens=1000, window_tokens=11, batch_tokens=25, progress=events.append)
    sums = torch.zeros(3, dtype=torch.float64)
    tokens = 0
    for text in TEXTS.values():
        ids = tokenizer.encode(text).tolist()
        for start in range(0, len(ids), 11):
            (batch,) = windows(ids[start : start + 11], 11, 25) if len(ids) - start > 1 else (None,)
            if batch is None:
                continue
            with torch.no_grad():
                tuned = log_softmax(decoder.logits(batch)[:-1].double(), -1)
                with decoder.without_adapters():
                    base = log_softmax(decoder.logits(batch)[:-1].double(), -1)
            targets = batch.input_ids[1:].long()
            losses = [cross_entropy(log, targets, reduction="sum") for log in (base, tuned)]
            sums += torch.stack([*losses, kl_div(tuned, base, reduction="sum", log_target=True)])
            tokens += len(targets)
    base_loss, tuned_loss, kl = (sums / tokens).tolist()
    assert got["tokens"] == tokens
    assert got["base_perplexity"] == pytest.approx(math.exp(base_loss), rel=1e-5)
    assert got["tuned_perplexity"] == pytest.approx(math.exp(tuned_loss), rel=1e-5)
    assert got["kl_base_tuned"] == pytest.approx(kl, rel=1e-4)
    assert kl > 0.01
    assert sum(part["tokens"] for part in got["parts"].values()) == tokens
    assert [event.done for event in events] == sorted(event.done for event in events)


def test_an_adapter_that_changes_nothing_forgets_nothing(tmp_path: Path) -> None:
    decoder, tokenizer = tiny_model(tmp_path, adapter_scale=0.0)
    got = forgetting(decoder, tokenizer, TEXTS, most_tokens=100, window_tokens=16, batch_tokens=64, progress=lambda event: None)
    assert got["kl_base_tuned"] == 0
    assert got["base_perplexity"] == got["tuned_perplexity"]


@given(length=st.integers(0, 60), window=st.integers(2, 20), batch_tokens=st.integers(1, 50))
def test_windows_predict_every_token_but_the_first_of_each(length: int, window: int, batch_tokens: int) -> None:
    batches = list(windows(list(range(length)), window, batch_tokens))
    predicted = [(int(batch.input_ids[p]), int(t)) for batch in batches for p, t in zip(batch.positions, batch.targets, strict=True)]
    assert predicted == [(token - 1, token) for token in range(1, length) if token % window]
    for batch in batches:
        assert len(batch.input_ids) <= max(window, batch_tokens)
        assert batch.cu_seqlens[-1] == len(batch.input_ids) == len(batch.position_ids)
        assert batch.position_ids[batch.cu_seqlens[:-1].long()].sum() == 0


def test_the_budget_is_shared_among_the_texts(model: tuple[Decoder, Tokenizer]) -> None:
    got = forgetting(*model, TEXTS, most_tokens=20, window_tokens=10, batch_tokens=64, progress=lambda event: None)
    assert {name: part["tokens"] for name, part in got["parts"].items()} == {"en": 9, "tr": 9}
    with pytest.raises(DataError, match=r"general_tokens"):
        forgetting(*model, TEXTS, most_tokens=2, window_tokens=10, batch_tokens=64, progress=lambda event: None)


def test_built_in_text_is_in_two_languages_and_long_enough() -> None:
    texts = general_text(None)
    assert set(texts) == {"en", "tr"}
    assert all(len(text) > 7000 for text in texts.values())


def test_a_text_of_ones_own_is_named_in_errors_but_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    with pytest.raises(DataError, match=r"own\.txt cannot be read"):
        general_text(path)
    path.write_bytes("secret ç".encode("windows-1254"))
    with pytest.raises(DataError, match=r"own\.txt is not UTF-8 \(byte 8\)") as error:
        general_text(path)
    assert "secret" not in str(error.value)
    path.write_text(" \n", encoding="utf-8")
    with pytest.raises(DataError, match="empty"):
        general_text(path)
    path.write_text("text", encoding="utf-8")
    assert general_text(path) == {"own.txt": "text"}
