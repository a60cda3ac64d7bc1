"""bench/gpu.py and its sections: what counts as verified, and every section at its smallest, on the CPU by the interpreter."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ayar[gpu]'")

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def gpu_bench() -> Any:
    sys.path.insert(0, str(BENCH))
    try:
        spec = importlib.util.spec_from_file_location("gpu", BENCH / "gpu.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCH))
    return module


REPORT = """<testsuites><testsuite>
<testcase name="a"><properties><property name="ran" value="good"/></properties></testcase>
<testcase name="b"><properties>
 <property name="compiled" value='["good", 80, 32, 0]'/><property name="compiled" value='["good", 89, 32, 0]'/>
 <property name="compiled" value='["good", 90, 40, 1024]'/><property name="compiled" value='["good", 100, 32, 0]'/>
 <property name="compiled" value='["good", 120, 32, 0]'/></properties></testcase>
<testcase name="c"><failure/><properties><property name="ran" value="bad"/></properties></testcase>
<testcase name="d"><skipped/><properties><property name="ran" value="absent"/></properties></testcase>
</testsuite></testsuites>"""


def test_only_what_ran_and_passed_counts_as_verified(gpu_bench: Any) -> None:
    proof = gpu_bench.proof_of(ElementTree.fromstring(REPORT))
    assert proof.verified({"good", "bad", "absent"}) == {"good"}
    assert "not run" in proof.missing("bad")
    assert "| `good` | 32 / 0 | 32 / 0 | 40 / 1,024 |" in gpu_bench.kernel_table(proof, {"good"})
    proof.compiled["good"].pop(100)
    assert proof.verified({"good"}) == set()


def test_kernels_are_read_off_the_sources(gpu_bench: Any) -> None:
    kernels = gpu_bench.kernels_of(BENCH.parent)
    assert {"norm_project", "attention_forward", "nf4_quantize_kernel", "adamw_kernel"} <= kernels
    assert not any(kernel.startswith("_") for kernel in kernels)
    assert len(kernels) >= 30


def test_predictions_hold_their_bounds(gpu_bench: Any) -> None:
    figures = gpu_bench.predictions()
    assert figures["predicted_time_ratio"] <= 1.08
    assert figures["predicted_step_vs_peft"] >= 1.9
    assert figures["predicted_step_vs_liger"] >= 1.25


def test_tables_replace_what_stood_between_their_marks(gpu_bench: Any, tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    page.write_text("a\n<!-- x: written by bench/gpu.py -->\nold\n<!-- end of x -->\nb\n", encoding="utf-8")
    gpu_bench.write_tables(page, {"x": "| new |"})
    assert page.read_text(encoding="utf-8") == "a\n<!-- x: written by bench/gpu.py -->\n| new |\n<!-- end of x -->\nb\n"


@pytest.mark.slow
@pytest.mark.parametrize("section", ["ceilings", "linear", "ops", "steps", "qlora", "tree", "fp8"])
def test_section_runs_at_its_smallest(section: str, tmp_path: Path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, BENCH / "gpu_device.py", section, "--json", tmp_path / "found.json", "--tiny"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "found.json").read_text())
