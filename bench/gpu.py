"""What the GPU engine is, with and without a GPU at hand. Usage: python bench/gpu.py [--json FILE] [--docs] [--folder FOLDER]

Everywhere: the kernels are proven by the tests of tests/kernels and tests/cuda, which run now (interpreter or emulation against the
references; machine code for five chips), and the time of a step is predicted from bytes and FLOPs (ayar.pipeline.gpu_model). A kernel is
a public function under ``@triton.jit`` in kernels/ or a ``__global__`` function in csrc/cuda; it counts as verified when both layers
of its proof passed in this run. With a CUDA device: the sections of bench/gpu_device.py, each a process and a JSON file of its own, so
that a run that was cut off goes on where it stopped.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch

import gpu_sections
from ayar.pipeline import gpu_model
from reporting import write_report

ROOT = Path(__file__).parents[1]
CHIPS = (80, 89, 90, 100, 120)
MEASURED = (
    "lora_over_frozen", "step_vs_peft", "step_vs_liger", "step_vs_unsloth", "fraction_of_matmul_ceiling", "peak_memory_mb", "fp8_base_speedup",
    "tree_speedup",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    parser.add_argument("--docs", action="store_true", help="write the tables of docs/gpu.md anew")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "gpu", help="where each section's results are kept, to go on later")
    parser.add_argument("--skip-proof", action="store_true", help="leave out the tests of the kernels; their figures are then not taken")
    arguments = parser.parse_args()

    figures: dict[str, float | None] = predictions()
    reasons: dict[str, str] = {}
    kernels = kernels_of(ROOT)
    figures["kernels_total"] = len(kernels)
    if arguments.skip_proof:
        figures["kernels_verified"], reasons["kernels_verified"] = None, "--skip-proof"
    else:
        proof = prove()
        verified = proof.verified(kernels)
        figures["kernels_verified"] = len(verified)
        for kernel in sorted(kernels - verified):
            print(f"not verified: {kernel}: {proof.missing(kernel)}")
        if arguments.docs:
            write_tables(ROOT / "docs" / "gpu.md", {"kernels": kernel_table(proof, kernels), "predictions": prediction_table()})
    if torch.cuda.is_available():
        measured = gpu_sections.run_all(arguments.folder)
        (ROOT / "docs" / "gpu-results.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        figures |= {name: measured.get(name) for name in MEASURED}
        reasons |= {name: measured.get(f"{name}_reason", "its section did not finish") for name in MEASURED if measured.get(name) is None}
        write_tables(ROOT / "README.md", {"gpu results": results_table(measured)})
    else:
        figures |= dict.fromkeys(MEASURED)
        reasons |= dict.fromkeys(MEASURED, "no CUDA device here")
    write_report(arguments.json, figures, reasons)


def kernels_of(root: Path) -> set[str]:
    """Every kernel in the sources: what must be verified is read off, not listed."""
    found = set()
    for path in sorted((root / "kernels").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if (
                isinstance(node, ast.FunctionDef)
                and not node.name.startswith("_")
                and "triton.jit" in map(ast.unparse, node.decorator_list)
            ):
                found.add(node.name)
    for path in sorted((root / "csrc" / "cuda").glob("*.cu")):
        found |= set(re.findall(r"__global__ void (\w+)\(", path.read_text(encoding="utf-8")))
    return found


class Proof:
    """What the tests that passed say of each kernel."""

    def __init__(self) -> None:
        self.ran: set[str] = set()  # in the interpreter or the emulation, equal to its reference
        self.compiled: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)  # chip -> (registers, bytes of shared memory)

    def add(self, name: str, value: str) -> None:
        if name == "ran":
            self.ran.add(value)
        elif name == "compiled":
            kernel, chip, registers, shared = json.loads(value)
            self.compiled[kernel][chip] = registers, shared

    def verified(self, kernels: set[str]) -> set[str]:
        return {kernel for kernel in kernels if not self.missing(kernel)}

    def missing(self, kernel: str) -> str:
        faults = [] if kernel in self.ran else ["not run against its reference"]
        faults += [f"not compiled for sm_{chip}" for chip in CHIPS if chip not in self.compiled[kernel]]
        return ", ".join(faults)


def prove() -> Proof:
    """Runs the tests of both folders, the slow ones too; failures are shown and leave their kernels unverified."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        paths = [str(ROOT / "tests" / "kernels"), str(ROOT / "tests" / "cuda")]
        options = ["-q", "-m", "not gpu", "-n", "2", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junitxml={report}"]
        subprocess.run([sys.executable, "-m", "pytest", *options, *paths], cwd=ROOT)
        return proof_of(ElementTree.parse(report).getroot())


def proof_of(report: ElementTree.Element) -> Proof:
    """Reads the properties of the tests that passed out of pytest's report."""
    proof = Proof()
    for case in report.iter("testcase"):
        if any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped")):
            continue
        for item in case.iter("property"):
            proof.add(item.attrib["name"], item.attrib["value"])
    return proof


def predictions() -> dict[str, float | None]:
    """For one H100: a LoRA linear over a frozen one, and a step of Llama-3-8B over other engines; every row labelled, as they count."""
    gpu, batch = gpu_model.GPUS["h100"], gpu_model.Batch(4, 2048, 8192)
    step = {engine.__name__: gpu_model.step_seconds(engine, gpu_model.LLAMA_3_8B, batch, 16, gpu) for engine in gpu_model.ENGINES}
    ratio, extra = gpu_model.lora_over_frozen(gpu)
    return {
        "predicted_time_ratio": ratio,
        "predicted_extra_bytes_a_token": extra,
        "predicted_step_seconds": step["ayar"],
        **{f"predicted_step_vs_{name}": step[name] / step["ayar"] for name in ("peft", "liger", "unsloth")},
    }


def prediction_table() -> str:
    """Seconds a step, and over ours, on each card."""
    lines = ["| card | peft | peft + Liger | Unsloth | Ayar | over peft | over Liger | over Unsloth |", "|---|---|---|---|---|---|---|---|"]
    batch = gpu_model.Batch(4, 2048, 8192)
    for gpu in gpu_model.GPUS.values():
        peft, liger, unsloth, ayar = (gpu_model.step_seconds(e, gpu_model.LLAMA_3_8B, batch, 16, gpu) for e in gpu_model.ENGINES)
        seconds = " | ".join(f"{x:.3g} s" for x in (peft, liger, unsloth, ayar))
        lines.append(f"| {gpu.name} | {seconds} | {peft / ayar:.2f}× | {liger / ayar:.2f}× | {unsloth / ayar:.2f}× |")
    return "\n".join(lines)


def results_table(measured: dict[str, Any]) -> str:
    """What was measured on the device at hand."""
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no device"
    lines = [f"| measured on {name} | |", "|---|---|"]
    for figure in MEASURED:
        value = measured.get(figure)
        lines.append(f"| {figure.replace('_', ' ')} | {'not taken' if value is None else f'{value:.3g}'} |")
    return "\n".join(lines)


def kernel_table(proof: Proof, kernels: set[str]) -> str:
    """Registers a thread and shared memory of a block: the largest of all launches."""
    lines = [f"| kernel | {' | '.join(f'sm_{chip}' for chip in CHIPS)} |", "|---" * (len(CHIPS) + 1) + "|"]
    for kernel in sorted(kernels):
        cells = []
        for chip in CHIPS:
            taken = proof.compiled[kernel].get(chip)
            cells.append("not verified" if taken is None else f"{taken[0]} / {taken[1]:,}")
        lines.append(f"| `{kernel}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_tables(path: Path, tables: dict[str, str]) -> None:
    """Puts each table between its two marks."""
    text = path.read_text(encoding="utf-8")
    tables = {name: table for name, table in tables.items() if f"<!-- end of {name} -->" in text}
    for name, table in tables.items():
        begin, end = f"<!-- {name}: written by bench/gpu.py -->", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
