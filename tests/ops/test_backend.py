import json
from pathlib import Path

import pytest
import torch

from ayar.errors import BackendError
from ayar.ops import backend
from ayar.ops.measurement import DTYPES, Measurement, load_or_measure


@pytest.fixture
def cache_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AYAR_CACHE", str(tmp_path))
    monkeypatch.delenv("AYAR_ISA", raising=False)
    return tmp_path / "kernels.json"


def test_measures_every_instruction_set_once_and_keeps_it(cache_file: Path) -> None:
    first = load_or_measure(backend.native())
    assert set(first.gflops) == set(DTYPES)
    assert all(list(figures) == list(backend.native().cpu.SUPPORTED) for figures in first.gflops.values())
    assert all(rate > 0 for figures in first.gflops.values() for rate in figures.values())
    again = load_or_measure(backend.native())
    assert again.gflops == first.gflops
    assert again.origin == f"kept in {cache_file}"
    assert [path.name for path in cache_file.parent.iterdir()] == [cache_file.name], "no temporary file may stay"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', "null"])
def test_a_damaged_file_is_measured_again(cache_file: Path, damage: str) -> None:
    cache_file.write_text(damage)
    assert load_or_measure(backend.native()).origin.startswith("measured now")
    assert load_or_measure(backend.native()).origin.startswith("kept in")


def test_another_machines_figures_are_not_taken(cache_file: Path) -> None:
    load_or_measure(backend.native())
    stored = json.loads(cache_file.read_text())
    stored["key"]["processor"] = "another processor"
    cache_file.write_text(json.dumps(stored))
    assert load_or_measure(backend.native()).origin.startswith("measured now")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AYAR_CACHE", str(tmp_path / "file"))
    assert "could not be kept" in load_or_measure(backend.native()).origin


def test_the_widest_wins_unless_another_is_clearly_faster() -> None:
    measured = Measurement({"float32": {"avx2": 110, "avx512": 100}, "bfloat16": {"avx2": 230, "avx512": 229, "avx512_bf16": 115}}, "")
    assert measured.fastest(torch.float32) == "avx512"
    assert measured.fastest(torch.bfloat16) == "avx512"
    assert measured.fastest(torch.int32) == "avx512"


def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AYAR_ISA", "portable")
    assert backend.chosen_isa(torch.float32) == "portable"
    assert backend.kernels(torch.ones(1)) is backend.native().cpu.portable
    monkeypatch.setenv("AYAR_ISA", "vax")
    with pytest.raises(BackendError, match="AYAR_ISA=vax"):
        backend.chosen_isa()


def test_use_refuses_what_does_not_run_here() -> None:
    with pytest.raises(BackendError, match="vax"), backend.use("vax"):
        pass


@pytest.mark.parametrize("isa", backend.native().cpu.SUPPORTED)
def test_peak_is_above_the_gemm(isa: str) -> None:
    for dtype in DTYPES.values():
        assert backend.peak_gflops(isa, dtype, seconds=0.01) > 1
