"""Work not done: python bench/train_rows.py [--json FILE] [--rows FILE.csv] [--part masked,short,instructed,strangers]

SmolLM2-135M, bf16, LoRA of rank 16 on all seven projections, 64 rows an optimizer step on every side; only the answers are labelled.
- masked: 20 % of the positions of 4 × 512 tokens labelled, over all of them.
- short: packed rows against TRL's SFTTrainer, length-grouped, padded to the longest row of a batch, at its fastest policy and batch size.
- instructed: the same rows behind an instruction that lists the classes: with the tree of shared beginnings, over our own packing without
  it, and over the same trainer; and how far the tree's fp32 gradients are from the unshared ones.
- strangers: rows that share nothing, packed with and without a search for shared beginnings.
Every line has loss and gradient norm of the first step; sides that differ in them stop the run.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from ayar.data.pack import Batch, Examples, pack
from ayar.data.prefix_tree import PrefixTree, shared_prefixes
from ayar.model.adapters import LoraSettings
from ayar.model.batch import labelled_tokens
from ayar.model.decoder import Decoder
from ayar.ops import backend
from ayar.text.tokenizer import Tokenizer
from ayar.train.optimizer import Optimizer
from reporting import write_report
from train_rows_data import examples_of, instruction, made_rows, read_rows, strangers
from train_step import model_folder
from train_step_worker import ALPHA, LEARNING_RATE, RANK, fill_adapters

ROWS, PACK_TOKENS = 64, 2048
POLICIES = ("fp32_adapters", "bf16_adapters", "autocast", "fp32")
PARTS = ("masked", "short", "instructed", "strangers")
PEER = Path(__file__).with_name("train_rows_peer.py")
Figures = dict[str, float | None]


class Ours:
    """Our side: a decoder and its optimizer; a step takes batches."""

    def __init__(self, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
        self.decoder = Decoder.load(folder, LoraSettings(rank=RANK, alpha=ALPHA), dtype)
        self.adapters = self.decoder.trainable_parameters()
        self.reset()

    def reset(self) -> None:
        fill_adapters(self.adapters.tensors().items())
        self.adapters.gradients.zero_()
        self.optimizer = Optimizer(self.adapters, weight_decay=0.0, max_grad_norm=math.inf)

    def backward(self, batches: Sequence[Any]) -> float:
        labelled = sum(labelled_tokens(batch) for batch in batches)
        return sum(self.decoder.accumulate_gradients(batch, 1 / labelled, draw) for draw, batch in enumerate(batches))

    def step(self, batches: Sequence[Any]) -> tuple[float, float]:
        """Loss and gradient norm."""
        loss = self.backward(batches)
        norm = self.optimizer.gradient_norm()
        self.optimizer.step(LEARNING_RATE, norm)
        return loss, norm

    def timed(self, what: str, makers: Sequence[Callable[[], Sequence[Any]]], rounds: int) -> list[dict[str, Any]]:
        """Seconds of a step for each maker of batches, its making included; they take turns. Loss and norm: of each one's first step."""
        found: list[dict[str, Any]] = []
        for make in makers:
            self.reset()
            began = time.perf_counter()
            loss, norm = self.step(make())
            first = [] if rounds else [time.perf_counter() - began]
            found.append({"seconds": first, "loss": loss, "gradient_norm": norm})
        for _ in range(rounds):
            for make, result in zip(makers, found, strict=True):
                began = time.perf_counter()
                self.step(make())
                result["seconds"].append(time.perf_counter() - began)
        for make, result in zip(makers, found, strict=True):
            result["seconds"] = median(result["seconds"])
            result["tokens"] = sum(len(batch.input_ids) for batch in make())
            say(what, result)
        return found


class Peer:
    """The other side, in a process of its own that keeps its imports."""

    def __init__(self, folder: Path, examples: Examples, scratch: Path, threads: int) -> None:
        path = scratch / "rows.json"
        path.write_text(json.dumps([_as_row(examples, row) for row in range(ROWS)]))
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.process = subprocess.Popen(
            [sys.executable, str(PEER), str(folder), str(path), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip

    def steps(self, policy: str, batch_size: int, rows: int = ROWS, steps: int = 2) -> dict[str, Any]:
        """The fastest of its steps; loss and norm of the first."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        setting = {"policy": policy, "batch_size": batch_size, "steps": steps, "rows": rows}
        self.process.stdin.write(json.dumps(setting) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("RESULT "):
                result = json.loads(line.removeprefix("RESULT "))
                result["seconds"] = min(result.pop("step_seconds"))
                say(f"peer, {policy}, batches of {batch_size}, {rows} rows", result)
                return result
        raise SystemExit(f"the peer ended with {self.process.wait()} at {setting}; run {PEER.name} by hand to see why")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    parser.add_argument("--rows", metavar="FILE.csv", type=Path, help="messages and their classes; made up if left out")
    parser.add_argument("--part", default=",".join(PARTS), help="which parts, separated by commas")
    parser.add_argument("--policy", choices=POLICIES, help="the peer's dtypes, instead of a search for its fastest ones")
    parser.add_argument("--skip-peer", action="store_true", help="leave out the other trainer")
    arguments = parser.parse_args()
    parts = arguments.part.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--part: {', '.join(PARTS)}")
    threads = len(os.sched_getaffinity(0))
    with TemporaryDirectory() as scratch:
        folder = model_folder(Path(scratch))
        rows = read_rows(arguments.rows) if arguments.rows else made_rows()
        tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
        drawn = [rows[row] for row in np.random.default_rng(0).permutation(len(rows))[:ROWS]]
        run = Run(folder, Path(scratch), tokenizer, rows, drawn, threads, has_peer=not arguments.skip_peer)
        run.fastest_policy = arguments.policy
        for part in PARTS:
            if part in parts:
                getattr(run, part)()
    write_report(arguments.json, run.figures, run.reasons)


class Run:
    def __init__(
        self,
        folder: Path,
        scratch: Path,
        tokenizer: Tokenizer,
        rows: list[tuple[str, str]],
        drawn: list[tuple[str, str]],
        threads: int,
        has_peer: bool,
    ) -> None:
        self.folder, self.scratch, self.tokenizer, self.rows, self.drawn = folder, scratch, tokenizer, rows, drawn
        self.threads, self.has_peer = threads, has_peer
        self.figures: Figures = {}
        self.reasons: dict[str, str] = {}
        self.fastest_policy: str | None = None
        backend.give_cores_to_pool()
        self.ours = Ours(folder)

    def masked(self) -> None:
        lengths = [512] * 4
        few, every = (strangers(lengths, answer) for answer in (102, 511))
        makers = [lambda examples=examples: pack(examples, PACK_TOKENS, 0, 0) for examples in (few, every)]
        one, other = self.ours.timed("4 × 512 tokens", makers, rounds=4)
        self.figures["masked_prompt_speedup"] = other["seconds"] / one["seconds"]

    def short(self) -> None:
        examples = examples_of(self.tokenizer, self.drawn)
        (mine,) = self.ours.timed("short rows", [lambda: shared_pack(examples)], rounds=4)
        self.figures["fill"] = fill(pack(examples_of(self.tokenizer, self.rows), PACK_TOKENS, 0, 0))
        self._against_peer("packed_vs_padded", examples, mine, (4, 8, 16))

    def instructed(self) -> None:
        before = instruction(self.rows)
        examples = examples_of(self.tokenizer, self.drawn, before)
        print(f"the instruction has {len(self.tokenizer.encode(before))} tokens, a row {examples.lengths.mean():.0f} in all")
        (tree,) = self.ours.timed("tree", [lambda: shared_pack(examples)], rounds=4)
        (plain,) = self.ours.timed("without the tree", [lambda: pack(examples, PACK_TOKENS, 0, 0)], rounds=0)  # half a minute
        require_equal("our own packing", plain, tree)
        self.figures["tree_speedup"] = plain["seconds"] / tree["seconds"]
        self.figures["tree_tokens_ratio"] = plain["tokens"] / tree["tokens"]
        self.figures["tree_gradient_error"] = self._gradient_error(before)
        everything = examples_of(self.tokenizer, self.rows, before)
        self.figures["tree_fill"] = fill(shared_pack(everything)[:-1])
        self._against_peer("tree_vs_peer", examples, tree, (4, 8, 16))

    def strangers(self) -> None:
        lengths = examples_of(self.tokenizer, self.drawn).lengths.tolist()
        examples = strangers(lengths)
        makers = [lambda: shared_pack(examples), lambda: pack(examples, PACK_TOKENS, 0, 0)]
        searched, plain = self.ours.timed("rows that share nothing", makers, rounds=8)
        self.figures["tree_free"] = searched["seconds"] / plain["seconds"]

    def _gradient_error(self, before: str, rows: int = 12) -> float:
        """‖tree − unshared‖ / ‖unshared‖ of each adapter's gradient in fp32; the largest."""
        exact = Ours(self.folder, torch.float32)
        examples = examples_of(self.tokenizer, self.drawn[:rows], before)
        gradients = []
        for batches in (shared_pack(examples), pack(examples, PACK_TOKENS, 0, 0)):
            exact.reset()
            exact.backward(batches)
            gradients.append(exact.adapters.gradients.clone())
        views = exact.adapters.tensors().values()
        places = [slice(view.storage_offset(), view.storage_offset() + view.numel()) for view in views]
        return max(float((gradients[0][at] - gradients[1][at]).norm() / gradients[1][at].norm()) for at in places)

    def _against_peer(self, figure: str, examples: Examples, mine: dict[str, Any], batch_sizes: Sequence[int]) -> None:
        if not self.has_peer:
            self.figures[figure], self.reasons[figure] = None, "--skip-peer"
            return
        peer = Peer(self.folder, examples, self.scratch, self.threads)
        part = 16 if examples.lengths.mean() > 100 else ROWS  # long rows take minutes a step: the search runs on some of them
        middle = batch_sizes[1]
        if self.fastest_policy is None:
            self.fastest_policy = min(POLICIES, key=lambda policy: peer.steps(policy, middle, part, 1)["seconds"])
        policy = self.fastest_policy
        best = min(
            (size for size in batch_sizes if size <= part),
            key=lambda size: peer.steps(policy, size, part, 1 if part < ROWS else 2)["seconds"],
        )
        theirs = peer.steps(policy, best, ROWS, 1 if part < ROWS else 3)
        peer.close()
        require_equal(f"peer, {policy}", theirs, mine)
        self.figures[figure] = theirs["seconds"] / mine["seconds"]
        self.figures[f"{figure}_peer_step_seconds"], self.figures[f"{figure}_step_seconds"] = theirs["seconds"], mine["seconds"]
        self.figures[f"{figure}_peer_batch_size"] = float(best)


def shared_pack(examples: Examples) -> list[Batch]:
    tree: PrefixTree = shared_prefixes(examples.input_ids, examples.offsets)
    return pack(examples, PACK_TOKENS, 0, 0, tree)


def fill(batches: Sequence[Batch]) -> float:
    return sum(len(batch.input_ids) for batch in batches) / len(batches) / PACK_TOKENS


def _as_row(examples: Examples, row: int) -> dict[str, list[int]]:
    at = slice(examples.offsets[row], examples.offsets[row + 1])
    return {"input_ids": examples.input_ids[at].tolist(), "labels": examples.labels[at].tolist()}


def require_equal(side: str, result: dict[str, Any], mine: dict[str, Any]) -> None:
    """bf16 leaves 2 % of the loss and 5 % of the norm."""
    for name, tolerance in (("loss", 0.02), ("gradient_norm", 0.05)):
        if not abs(result[name] - mine[name]) <= tolerance * abs(mine[name]):
            raise SystemExit(f"{side}: {name} is {result[name]}, ours is {mine[name]}: no speed is worth reporting")


def say(what: str, result: dict[str, Any]) -> None:
    tokens = f", {result['tokens']} tokens computed" if "tokens" in result else ""
    print(f"{what}: {result['seconds']:.3f} s, loss {result['loss']:.4f}, gradient norm {result['gradient_norm']:.4f}{tokens}", flush=True)


if __name__ == "__main__":
    main()
