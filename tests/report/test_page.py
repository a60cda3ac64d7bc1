"""The whole page: complete, self-contained, escaped, and honest about what is missing."""

import json
import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ayar.errors import DataError
from ayar.report import write
from tests.report.html_tree import Page
from tests.report.run_folder import evaluation, metrics, preparation, write_run

SECTIONS = ["verdict", "data", "personal-data", "training", "evaluation", "samples", "recipe", "reproducibility"]
HOSTILE = "</p></pre><script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='alert(3)' {{ 7*7 }} &amp;"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", preparation(), evaluation())


def read(folder: Path) -> Page:
    return Page(write(folder).read_text(encoding="utf-8"))


def test_has_all_sections_and_every_link_leads_to_one(folder: Path) -> None:
    page = read(folder)
    ids = page.values("id")
    assert [name for name in ids if name in SECTIONS] == SECTIONS
    assert len(ids) == len(set(ids))
    assert sorted(page.values("href")) == sorted(f"#{name}" for name in SECTIONS[1:])
    assert "is not there yet" not in page.text


def test_asks_for_nothing_from_outside(folder: Path) -> None:
    page = read(folder)
    assert not page.names() & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "video",
        "audio",
        "source",
        "use",
        "image",
    }
    assert not page.values("src")
    assert not re.search(r"url\(|@import|https?:|//\w", page.style.replace("/*", ""))
    assert "default-src 'none'" in " ".join(page.values("content"))


def test_tells_the_figures_in_words_for_people(folder: Path) -> None:
    text = read(folder).text.replace("\N{NO-BREAK SPACE}", " ")
    for figure in (
        "The task improved: accuracy rose from 17.1 % to 84.8 % on 105 held-out rows",
        "little forgetting, with perplexity on general text up 2.8 %",
        "773 rows came in, 705 were kept. 600 rows to train on, 105 held out",
        "dropped 32 near duplicate · 21 exact duplicate",
        "180 rows repeated",
        "424 pieces were found and replaced by made-up values",
        "T.C. identity number",
        "245,760",
        "3 min 12 s",
        "2 × account answered as faulty_product",
        "0.0312 nats",
        "Standard error of the difference: 4.8 %",
        "ab" * 32,
        "avx512",
    ):
        assert figure in text, figure


def test_is_accessible(folder: Path) -> None:
    page = read(folder)
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = [name for name, _ in page.tags]
    assert names.count("table") == names.count("caption")
    for name, attributes in page.tags:
        if name == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label"), attributes
        if name == "th":
            assert attributes.get("scope") in ("row", "col")
    assert ("html", {"lang": "en"}) in page.tags
    assert any("width=device-width" in content for content in page.values("content"))


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {key if key in KEYS else f"{key} {HOSTILE}": poison(item) for key, item in value.items()}
        if isinstance(value, list):
            return [poison(item) for item in value]
        return f"{value} {HOSTILE}" if isinstance(value, str) and value not in ("accuracy", "anonymize", "replace") else value

    clean = read(write_run(tmp_path / "clean", preparation(), evaluation()))
    folder = write_run(tmp_path / "run & <b>", poison(preparation()), poison(evaluation()))
    (folder / "recipe.yaml").write_text(f"seed: {json.dumps(HOSTILE)}\n", encoding="utf-8")
    page = read(folder)
    assert page.names() <= clean.names()
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.text.count("alert(1)") > 40
    assert "{{ 7*7 }}" in page.text
    assert "run & <b>" in page.text


KEYS = {key for model in (preparation(), evaluation()) for key in model} | {
    *("stage", "rows_in", "rows_out", "dropped", "changed", "mode", "before", "after", "train", "test", "path", "sha256"),
    *("name", "metric", "base", "tuned", "rows", "standard_error", "per_class", "labels", "confusion", "majority"),
    *("base_perplexity", "tuned_perplexity", "tokens", "kl_base_tuned", "text", "parts", "prompt", "expected"),
}


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("prepare.json", "ayar prepare"),
        ("evaluation.json", "ayar evaluate"),
        ("metrics.jsonl", "ayar train"),
        ("recipe.yaml", "ayar run"),
        ("adapter/adapter_config.json", "ayar train"),
    ],
)
@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_says_which_part_is_missing_or_damaged(folder: Path, file: str, remedy: str, fault: str) -> None:
    if fault == "missing":
        (folder / file).unlink()
        sentence = f"{file} is not there yet. {remedy} makes it."
    else:
        (folder / file).write_text('{"somebody\'s secret": [1,\n', encoding="utf-8")
        sentence = f"{file} is damaged"
    page = read(folder)
    assert sentence in page.text
    assert remedy in page.text
    assert "secret" not in page.text
    assert [name for name in page.values("id") if name in SECTIONS] == SECTIONS


def test_an_empty_run_is_a_report_of_gaps(tmp_path: Path) -> None:
    page = read(tmp_path)
    assert "Not evaluated yet" in page.text
    assert page.text.count("is not there yet") == 9  # five files, some in several sections, and the adapter


def test_a_value_of_the_wrong_kind_is_named_but_not_shown(folder: Path) -> None:
    broken = evaluation() | {"samples": [{"prompt": "somebody's secret", "expected": 1}]}
    (folder / "evaluation.json").write_text(json.dumps(broken), encoding="utf-8")
    page = read(folder)
    assert "evaluation.json is damaged (samples.0.expected)" in page.text
    assert "secret" not in page.text


def test_a_confusion_that_does_not_fit_its_labels_is_damage(folder: Path) -> None:
    broken = evaluation()
    broken["task"]["confusion"].pop()
    (folder / "evaluation.json").write_text(json.dumps(broken), encoding="utf-8")
    assert "evaluation.json is damaged (task)" in read(folder).text


def test_says_when_nothing_was_anonymized(tmp_path: Path) -> None:
    prepared = preparation() | {"personal_data": {}}
    next(stage for stage in prepared["stages"] if stage["stage"] == "anonymize")["mode"] = "off"
    text = read(write_run(tmp_path / "run", prepared, evaluation())).text
    assert "Nothing was searched or replaced" in text
    assert "Its samples were not anonymized" in text
    assert "after anonymization" not in text


def test_many_classes_fold_away_and_none_is_lost(tmp_path: Path) -> None:
    labels = [f"class {number:02}" for number in range(40)]
    prepared = preparation() | {"classes": {"before": dict.fromkeys(labels, 10), "after": dict.fromkeys(labels, 12)}}
    scores = evaluation()
    scores["task"] |= {
        "labels": labels,
        "confusion": [[3 if row == column else 0 for column in range(40)] for row in range(40)],
        "per_class": {label: {"base": 0.0, "tuned": 1.0, "rows": 3} for label in labels},
    }
    page = read(write_run(tmp_path / "run", prepared, scores))
    assert all(page.text.count(label) == 2 for label in labels)
    assert page.text.count("28 more classes") == 2
    assert "made no mistake" in page.text


def test_a_task_without_classes_needs_none(tmp_path: Path) -> None:
    scores = evaluation()
    scores["task"] = {"name": "chat", "metric": "perplexity", "base": 18.3, "tuned": 9.1, "rows": 25}
    scores["samples"] = []
    page = read(write_run(tmp_path / "run", preparation() | {"classes": {"before": {}, "after": {}}}, scores))
    assert "The task improved: perplexity fell from 18.3 to 9.10 on 25 held-out rows" in page.text
    assert "Class" not in page.text
    assert "holds no samples" in page.text


def test_a_torn_last_line_of_metrics_is_left_out_and_a_torn_middle_is_damage(folder: Path) -> None:
    path = folder / "metrics.jsonl"
    path.write_text(metrics(30) + '{"step": 31, "lo', encoding="utf-8")
    assert "metrics.jsonl is damaged" not in read(folder).text
    path.write_text(metrics(30) + '{"step": 31, "lo\n' + metrics(40).splitlines()[-1] + "\n", encoding="utf-8")
    assert "metrics.jsonl is damaged in line 32" in read(folder).text


def test_writes_the_whole_page_or_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write(folder).read_text(encoding="utf-8")
    files = sorted(folder.iterdir())

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    (folder / "recipe.yaml").write_text("seed: 18\n", encoding="utf-8")
    with pytest.raises(OSError, match="No space left"):
        write(folder)
    assert (folder / "report.html").read_text(encoding="utf-8") == before
    assert sorted(folder.iterdir()) == files


def test_a_missing_folder_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such run folder"):
        write(tmp_path / "nowhere")
