"""Every setting of the recipe changes something that a user can see: rows, an error, trained weights, files, or scores.

``EFFECTS`` has one entry a setting: the value that is tried, what stands beside it in both recipes, and where the change must show.
A setting without an entry fails, so a setting that nothing reads cannot hide.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from ayar.errors import AyarError
from ayar.ops import backend
from ayar.pipeline import evaluate, prepare, train
from ayar.pipeline.events import Note
from ayar.pipeline.preparation import prepared_in_memory
from ayar.recipe import Recipe
from ayar.recipe.schema_walk import settings_of
from tests.tiny_model import write_tiny_model

Observe = Callable[[dict[str, Any]], Any]

THINGS = ("blue lamp", "old chair", "steel kettle", "paper map", "garden hose", "small drum", "winter coat", "brass bell")
MESSY = [
    ("my card was charged twice, call me at 0532 123 45 67", "card"),
    ("my card was charged twice, call me at 0532 123 45 67", "card"),
    ("my card was charged twice; call me at 0532 123 45 67!", "card"),
    ("where is the parcel that I paid for last week with my new card in your shop", "card"),
    ("where is the parcel that I paid for last week with my new card in your shop?? now", "card"),
    ("the very same words", "loan"),
    ("the very same words", "card"),
    ("the very same words", "card"),
    ("write to ayse.yilmaz@posta.example.net or help@shop.example please", "loan"),
    ("my name is Ahmet Yılmaz and I want a loan, Atatürk Caddesi No: 12 Kadıköy", "Loan"),
    ("<b>bold</b> &amp; doÄŸru\u200b  “quoted”  cafe\u0301", "loan"),
    ("Ýstanbul þeker ýþýk", "loan"),
    ("ﬁne ＷＩＤＥ x² 5kg 1.234.567,89 12.03.2024 — çoooook!!!! ===== **bold** https://a.example/b", "loan"),
    ("thanks for the exam-\nple of a loan\n\nOn Monday somebody wrote:\n> hello", "loan"),
    ("evet", "loan"),
    ("siparis icin cok bekledim ama bir sey yok", "loan"),
    ("one thing that I ask\nThis message is meant for its receiver only.", "loan"),
    ("quite another matter\nThis message is meant for its receiver only.", "loan"),
    ("ok", "loan"),
    ("this is a good quesstion about the money in the bank", "loan"),
    ("?!?! ... --- 1", "loan"),
]
ROWS = MESSY + [
    (f"question {i} about a {THINGS[i % 8]} and a {THINGS[(3 * i + 1) % 8]}", ("card", "loan", "loan")[i % 3]) for i in range(24)
]


@dataclass(frozen=True)
class Effect:
    """value: what is tried. seen: where the change must show. beside: settings of both recipes. otherwise: the other value; the default if None."""

    value: Any
    seen: Observe
    beside: dict[str, Any] = field(default_factory=dict)
    otherwise: Any = None


def rows(settings: dict[str, Any]) -> Any:
    """The rows, what was dropped and what was counted; or the error."""
    try:
        made = prepared_in_memory(recipe_of(settings))[1]
    except AyarError as error:
        return str(error)
    return made.train.to_pylist(), made.test.to_pylist(), made.rejected.to_pylist(), made.report


def weights(settings: dict[str, Any]) -> Any:
    """The trained adapter."""
    trained = train(recipe_of(FEW_STEPS | settings))
    return {name: tensor.flatten().tolist() for name, tensor in load_file(trained.adapter / "adapter_model.safetensors").items()}


def files(settings: dict[str, Any]) -> Any:
    """What a training run leaves: names of files, and the numbers of its metrics that do not depend on the clock."""
    recipe = recipe_of(FEW_STEPS | settings)
    train(recipe)
    lines = [json.loads(line) for line in (recipe.output / "metrics.jsonl").read_text().splitlines()]
    steady = [{name: value for name, value in line.items() if not name.startswith(("seconds", "tokens_per"))} for line in lines]
    names = sorted(path.name for path in recipe.output.iterdir())
    return names, sorted(path.name for path in (recipe.output / "checkpoints").iterdir()), steady


def where(settings: dict[str, Any]) -> Any:
    """What is said before training: the device, or why the one asked for is none."""
    notes: list[Any] = []
    try:
        train(recipe_of(FEW_STEPS | settings), progress=notes.append)
    except AyarError as error:
        return str(error)
    return next(note.text for note in notes if isinstance(note, Note) and note.text.startswith("Training on the"))


def threads(settings: dict[str, Any]) -> Any:
    """How many processor threads computed. The result does not depend on them."""
    train(recipe_of(FEW_STEPS | settings))
    return backend.native().thread_count()


def scores(settings: dict[str, Any]) -> Any:
    recipe = recipe_of(FEW_STEPS | settings)
    train(recipe)
    events: list[Any] = []
    found = evaluate(recipe, progress=events.append).scores
    return {name: value for name, value in found.items() if name != "seconds"}, events


FEW_STEPS: dict[str, Any] = {"train.max_steps": 2, "train.tensorboard": False}
SHORT = {"format.max_tokens": 250, "train.max_steps": 2, "train.tokens_per_batch": 256}
CAP = {"balance.method": "cap"}
OVER = {"balance.method": "oversample"}
LITTLE = {"evaluate.general_tokens": 128, "evaluate.max_new_tokens": 4, "evaluate.samples": 2}
EVERY_STEP = {"train.evaluation_interval": 1, "train.max_steps": 3}

EFFECTS: dict[str, Effect] = {
    "data": Effect("other.csv", rows, otherwise="rows.csv"),
    "task": Effect("complete", rows, otherwise="classify"),
    "model": Effect("wider", weights, otherwise="model"),
    "output": Effect("elsewhere", lambda settings: str(prepare(recipe_of(settings)).folder)),
    "seed": Effect(7, weights),
    "source.text": Effect("note", rows),
    "source.label": Effect("kind", rows),
    "source.prompt": Effect("note", rows, {"task": "answer", "source.response": "label"}, otherwise="text"),
    "source.response": Effect("kind", rows, {"task": "answer", "source.prompt": "text"}, otherwise="label"),
    "source.context": Effect("note", rows, {"task": "answer", "source.prompt": "text", "source.response": "label"}),
    "source.messages": Effect("second", rows, {"task": "chat", "data": "chat.jsonl"}, otherwise="messages"),
    "source.id": Effect("number", rows),
    "source.encoding": Effect("windows-1254", rows, {"data": "turkish.csv"}),
    "source.encoding_errors": Effect("replace", rows, {"data": "turkish.csv"}),
    "source.delimiter": Effect(";", rows),
    "source.ragged": Effect("drop", rows, {"data": "ragged.csv"}),
    "source.text_unit": Effect("line", rows, {"data": "text.txt", "task": "complete"}),
    "clean.tags": Effect(False, rows),
    "clean.entities": Effect(False, rows),
    "clean.mojibake": Effect(False, rows),
    "clean.invisible": Effect(False, rows),
    "clean.nfc": Effect(False, rows),
    "clean.turkish_page": Effect(False, rows),
    "clean.width": Effect(True, rows),
    "clean.ligatures": Effect(True, rows),
    "clean.nfkc": Effect(True, rows),
    "clean.quotes": Effect(True, rows),
    "clean.dashes": Effect(True, rows),
    "clean.markdown": Effect(True, rows),
    "clean.links": Effect("mark", rows),
    "clean.replies": Effect(True, rows),
    "clean.hyphenation": Effect(True, rows),
    "clean.punctuation": Effect(True, rows),
    "clean.stretched": Effect(True, rows),
    "clean.symbols": Effect(True, rows),
    "clean.dates": Effect(True, rows),
    "clean.numbers": Effect(True, rows),
    "clean.units": Effect(True, rows),
    "clean.booleans": Effect(True, rows),
    "clean.turkish_letters": Effect(True, rows),
    "clean.boilerplate": Effect(2, rows),
    "clean.white_space": Effect(False, rows),
    "spelling.languages": Effect(("en",), rows),
    "spelling.keep": Effect(("quesstion",), rows, {"spelling.languages": ("en",)}),
    "spelling.caution": Effect(1e30, rows, {"spelling.languages": ("en",)}),
    "clean.labels": Effect(False, rows, {"quality.rare_classes": "drop"}),
    "anonymize.mode": Effect("placeholder", rows),
    "anonymize.kinds": Effect(["email"], rows, {"anonymize.mode": "placeholder"}),
    "anonymize.keep": Effect(["help@shop.example"], rows, {"anonymize.mode": "placeholder"}),
    "anonymize.key_file": Effect("key2.bin", rows, otherwise="key1.bin"),
    "quality.min_characters": Effect(1, rows),
    "quality.max_characters": Effect(70, rows),
    "quality.min_letters": Effect(0.0, rows),
    "quality.exact_duplicates": Effect("keep", rows),
    "quality.near_duplicates": Effect("keep", rows),
    "quality.near_threshold": Effect(0.99, rows),
    "quality.contradictions": Effect("majority", rows),
    "quality.rare_classes": Effect("drop", rows, {"data": "rare.csv"}),
    "quality.min_class_rows": Effect(30, rows),
    "split.test_fraction": Effect(0.4, rows),
    "split.max_test_rows": Effect(1, rows, {"split.test_fraction": 0.5, "task": "complete"}),
    "balance.method": Effect("undersample", rows),
    "balance.max_rows": Effect(4, rows, CAP, otherwise=6),
    "balance.max_copies": Effect(1, rows, OVER),
    "format.template": Effect("plain", rows),
    "format.system": Effect("Say one of {classes}", rows),
    "format.prompt": Effect("Message: {text}", rows),
    "format.max_tokens": Effect(60, rows),
    "format.too_long": Effect("refuse", rows, {"format.max_tokens": 75}),
    "lora.rank": Effect(4, weights),
    "lora.alpha": Effect(8.0, weights),
    "lora.target_modules": Effect(["q_proj"], weights),
    "lora.layers": Effect(1, weights),
    "lora.dropout": Effect(0.5, weights),
    "lora.base_weights": Effect("nf4", weights),
    "train.epochs": Effect(2, files, {"train.max_steps": 1000}, otherwise=1),
    "train.max_steps": Effect(1, files),
    "train.tokens_per_batch": Effect(1024, files),
    "train.share_prefixes": Effect(False, files, SHORT),
    "train.grad_accumulation_steps": Effect(3, files, SHORT),
    "train.learning_rate": Effect(1e-3, weights),
    "train.schedule": Effect("constant", weights, {"train.max_steps": 4}),
    "train.warmup_ratio": Effect(0.9, weights, {"train.max_steps": 3}),
    "train.weight_decay": Effect(0.5, weights, {"train.learning_rate": 0.1}),
    "train.max_grad_norm": Effect(1e-3, weights),
    "train.dtype": Effect("float32", weights),
    "train.device": Effect("cuda", where, otherwise="cpu"),
    "train.threads": Effect(1, threads, otherwise=2),
    "train.evaluation_interval": Effect(1, files, {"train.max_steps": 3}),
    "train.early_stopping_patience": Effect(1, files, {**EVERY_STEP, "train.learning_rate": 0.9, "train.max_steps": 12, "train.share_prefixes": False}),
    "train.checkpoint_interval": Effect(1, files, {"train.max_steps": 3, "train.keep_checkpoints": 5}),
    "train.keep_checkpoints": Effect(3, files, {"train.max_steps": 3, "train.checkpoint_interval": 1}),
    "train.tensorboard": Effect(True, files, otherwise=False),
    "evaluate.rows": Effect(2, scores, LITTLE),
    "evaluate.general_text": Effect("text.txt", scores, LITTLE),
    "evaluate.general_tokens": Effect(64, scores, LITTLE, otherwise=128),
    "evaluate.window_tokens": Effect(16, scores, LITTLE),
    "evaluate.samples": Effect(1, scores, LITTLE, otherwise=2),
    "evaluate.max_new_tokens": Effect(1, scores, LITTLE, otherwise=4),
    "evaluate.batch_tokens": Effect(100, scores, LITTLE),
}  # fmt: skip


def recipe_of(flat: dict[str, Any]) -> Recipe:
    """``flat``: {"train.epochs": 2}. Relative paths start at the current folder, which is the test's own."""
    nested: dict[str, Any] = {"data": "rows.csv", "task": "classify", "model": "model"}
    for name, value in flat.items():
        *sections, key = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    return Recipe.of(nested)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_tiny_model(folder / "model")
    write_tiny_model(folder / "wider", hidden=48)
    header = "number,text,label,note,kind\n"
    lines = [f'{100 + i},"{text}",{label},"remark {i} on {THINGS[i % 8]}",{"ab"[i % 2]}\n' for i, (text, label) in enumerate(ROWS)]
    (folder / "rows.csv").write_text(header + "".join(lines), encoding="utf-8")
    (folder / "other.csv").write_text(header + "".join(lines[10:]), encoding="utf-8")
    (folder / "ragged.csv").write_text(header + "".join(lines) + "1,2,3,4,5,6,7\n", encoding="utf-8")
    (folder / "rare.csv").write_text(header + "".join(lines) + '999,"a lonely message",lonely,x,a\n', encoding="utf-8")
    (folder / "turkish.csv").write_bytes((header + "".join(lines[-20:]) + '7,"ağaç kırıldı, şu kartım",card,x,a\n').encode("windows-1254"))
    turns = [[{"role": "user", "content": text}, {"role": "assistant", "content": label}] for text, label in ROWS[-20:]]
    chats = [{"messages": turn, "second": turn[::-1][:1] + turn} for turn in turns]
    (folder / "chat.jsonl").write_text("".join(json.dumps(chat) + "\n" for chat in chats), encoding="utf-8")
    (folder / "text.txt").write_text("\n\n".join(f"{a}\n{b} again" for a, b in ROWS[-20:]), encoding="utf-8")
    for name in ("key1.bin", "key2.bin"):
        (folder / name).write_bytes(name.encode() * 8)
    return folder


def test_every_setting_has_an_entry_and_no_entry_is_stale() -> None:
    assert set(EFFECTS) == {setting.name for setting in settings_of(Recipe)}


@pytest.mark.parametrize("name", EFFECTS)
def test_changing_the_setting_changes_something(name: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in inputs.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    effect = EFFECTS[name]
    # A random key would change the rows by itself; the key that both runs share does not.
    beside = {"anonymize.key_file": "key1.bin", **effect.beside}
    one = beside if effect.otherwise is None else beside | {name: effect.otherwise}
    before = effect.seen({"output": "one", **one})
    again = effect.seen({"output": "again", **one})
    if name != "output":
        assert before == again, "what is observed changes by itself, so it shows nothing"
    after = effect.seen({"output": "two", **beside, name: effect.value})
    assert before != after, f"{name} changes nothing"
