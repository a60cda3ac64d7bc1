"""One benchmark an op: each backend of ours beside torch, eager and compiled, on the same inputs.

Answers are compared before the clock starts; compilation is over by then too.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from ayar.ops import backend

TORCH, COMPILED = "torch", "compiled"
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
TOLERANCE = {torch.bfloat16: 2e-2, torch.float32: 1e-4}  # of two results in that dtype, each with errors of its own

Answers = Sequence[Tensor]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "who" in metafunc.fixturenames:
        metafunc.parametrize("who", [*(name for name in backend.available() if name != backend.REFERENCE), TORCH, COMPILED])
    if "dtype" in metafunc.fixturenames:
        metafunc.parametrize("dtype", list(DTYPES.values()), ids=list(DTYPES))


@pytest.fixture
def measure(benchmark: Any, request: pytest.FixtureRequest, who: str) -> Callable[..., None]:
    """measure(ours, theirs, dtype, flops=…, bytes_moved=…): compares the answers of both, then times the one that ``who`` names."""
    rest = "-".join(part for part in request.node.callspec.id.split("-") if part != who)
    benchmark.group = f"{request.path.stem.removeprefix('bench_')} {rest}"  # its contestants stand side by side
    torch.set_num_threads(backend.native().thread_count())

    def run(
        ours: Callable[[], Answers], theirs: Callable[[], Answers], dtype: torch.dtype, flops: float = 0, bytes_moved: float = 0
    ) -> None:
        contestant = {TORCH: theirs, COMPILED: torch.compile(theirs, dynamic=False)}.get(who, ours)
        with nullcontext() if who in (TORCH, COMPILED) else backend.use(who):
            if who != TORCH:
                for got, want in zip(contestant(), theirs(), strict=True):
                    error = (got.double() - want.double()).norm() / want.double().norm()
                    assert error <= TOLERANCE[dtype], f"{who} and torch differ by {error:.1e}"
            benchmark.pedantic(contestant, rounds=5, warmup_rounds=1)
        seconds = benchmark.stats.stats.median
        benchmark.extra_info.update({"gflops": flops / seconds / 1e9, "gb_per_second": bytes_moved / seconds / 1e9})

    return run


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)
