"""The rules of the house: who may import whom, and no symbol that the linker could pick from the wrong instruction set."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_import_rules_hold() -> None:
    run = subprocess.run([Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_objects_compiled_per_instruction_set_export_no_weak_symbol() -> None:
    if shutil.which("nm") is None:
        pytest.skip("nm (binutils) is not installed")
    objects = sorted(ROOT.glob("build/**/CMakeFiles/cpu_*.dir/**/*.o"))
    if not objects:
        pytest.skip("no build tree here: the package was installed elsewhere")
    weak = [f"{path.name}: {line}" for path in objects for line in _symbols(path) if " W " in line or " V " in line]
    assert not weak, "\n".join(weak)


def _symbols(path: Path) -> list[str]:
    """But for where exceptions find the runtime's own routine: an address, the same in every instruction set."""
    lines = subprocess.run(["nm", "-C", str(path)], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if not line.endswith("DW.ref.__gxx_personality_v0")]
