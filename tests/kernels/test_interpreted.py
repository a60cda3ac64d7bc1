"""Every Triton kernel in the interpreter: each script in ``interpreted`` is a process of its own, since Triton decides when it
decorates a kernel whether it is interpreted."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ayar[gpu]'")

FOLDER = Path(__file__).parent / "interpreted"
SLOW = {"layer", "linear", "families", "ops"}  # what they hold is held by decoder, ops and attention too, in fewer shapes
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "interpreter")
SCRIPTS = [pytest.param(FOLDER / f"{name}.py", id=name, marks=[pytest.mark.slow] if name in SLOW else []) for name in NAMES]


@pytest.mark.parametrize("script", SCRIPTS)
def test_equals_float64_in_any_order_of_programs(script: Path, record_property: Callable[[str, object], None]) -> None:
    run = subprocess.run([sys.executable, script], env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    verified = {line.removeprefix("verified ") for line in run.stdout.splitlines() if line.startswith("verified ")}
    assert verified
    for kernel in sorted(verified):
        record_property("ran", kernel)
