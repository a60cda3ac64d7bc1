import importlib.metadata

import pyarrow as pa
import pytest

from ayar.errors import DataError
from ayar.text.spelling_words import frequent_words


def test_the_words_are_kept_and_read_again(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AYAR_CACHE", str(tmp_path))
    said: list[str] = []
    made = frequent_words("tr", said.append)
    assert len(said) == 1
    assert set(made["word"][:5].to_pylist()) >= {"ve", "bir", "bu"}
    frequencies = made["frequency"].to_pylist()
    assert frequencies == sorted(frequencies, reverse=True)
    assert frequencies[-1] > 0
    assert frequent_words("tr", said.append).equals(made)
    assert len(said) == 1
    (path,) = (tmp_path / "spelling").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    assert frequent_words("tr", said.append).equals(made)
    assert len(said) == 2
    assert pa.ipc.open_file(path).read_all().equals(made)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("AYAR_CACHE", str(blocked))
    assert frequent_words("tr").num_rows > 50_000


def test_without_wordfreq_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr("ayar.text.spelling_words.version", missing)
    with pytest.raises(DataError, match=r"ayar\[spelling\]"):
        frequent_words("tr")
