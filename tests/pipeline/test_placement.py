"""Where a run trains, said in words; and that a GPU that was asked for and is absent stops the run before any work."""

from pathlib import Path

import pytest
import torch

from ayar.errors import TrainingError
from ayar.pipeline import placement as module
from ayar.pipeline import train
from ayar.pipeline.placement import placement
from ayar.recipe import Recipe


def recipe(device: str, folder: Path = Path()) -> Recipe:
    return Recipe.of({"data": str(folder / "rows.csv"), "task": "classify", "output": str(folder / "run"), "train": {"device": device}})


def test_the_cpu_is_taken_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert placement(recipe("cpu")).device == "cpu"


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    for device in ("auto", "cuda"):
        placed = placement(recipe(device))
        assert placed.device == "cuda"
        assert "Some GPU" in placed.why


@pytest.mark.parametrize("capability", [None, (7, 5)])
def test_an_obstacle_is_named(capability: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    obstacle = "no CUDA device" if capability is None else r"Some GPU has compute capability 7\.5"
    placed = placement(recipe("auto"))
    assert placed.device == "cpu"
    with pytest.raises(TrainingError, match=f"train.device is cuda, but .*{obstacle}"):
        placement(recipe("cuda"))


def test_without_triton_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    assert "Triton is not installed" in placement(recipe("auto")).why


def test_a_gpu_that_is_absent_stops_the_run_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainingError, match="no CUDA device"):
        train(recipe("cuda", tmp_path))  # rows.csv is not even there
    assert not (tmp_path / "run").exists()
