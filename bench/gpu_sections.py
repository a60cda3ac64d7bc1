"""Runs the sections of bench/gpu_device.py, each in a process of its own, and keeps what each found, so that a run can go on later."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SECTIONS = ("ceilings", "linear", "ops", "steps", "qlora", "tree", "fp8")
SECONDS_EACH = 120
SCRIPT = Path(__file__).with_name("gpu_device.py")


def run_all(folder: Path, sections: Sequence[str] = SECTIONS, options: Sequence[str] = ()) -> dict[str, Any]:
    """All figures of all sections, those measured before among them; each section's JSON appears whole as the section ends.

    A section that fails leaves its reason, is shown, and does not stop the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for section in sections:
        path = folder / f"{section}.json"
        if path.exists():
            print(f"{section}: measured before, {path}")
        else:
            reason = _run(section, path, options)
            if reason:
                print(f"{section}: {reason}", flush=True)
                found |= {f"{name}_reason": f"section {section}: {reason}" for name in FIGURES.get(section, ())}
                continue
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found


# Which figures of the report a section answers for.
FIGURES = {
    "linear": ("lora_over_frozen",),
    "steps": ("step_vs_peft", "step_vs_liger", "step_vs_unsloth", "fraction_of_matmul_ceiling", "peak_memory_mb"),
    "tree": ("tree_speedup",),
    "fp8": ("fp8_base_speedup",),
}


def _run(section: str, path: Path, options: Sequence[str]) -> str:
    command = [sys.executable, str(SCRIPT), section, "--json", str(path), *options]
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=SECONDS_EACH)
    except subprocess.TimeoutExpired:
        return f"did not end within {SECONDS_EACH} seconds"
    sys.stderr.write(done.stderr)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"ended with {done.returncode}")
