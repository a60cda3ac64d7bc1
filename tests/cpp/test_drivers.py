"""The C++ drivers beside this file, built and run under sanitizers: what is threaded, what reads hostile bytes, what stands in for a chip."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DRIVERS = sorted(path.name for path in HERE.glob("*.cpp"))


@pytest.mark.slow
@pytest.mark.parametrize("driver", DRIVERS)
def test_driver_is_clean(driver: str) -> None:
    done = subprocess.run(
        [HERE / "run_sanitized.sh", HERE / driver],
        env=os.environ | {"AYAR_FUZZ_ITERATIONS": "2000"},
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stderr[-4000:]
