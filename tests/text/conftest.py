from pathlib import Path

import pytest

from tests.text.oracle import Pair, read_pair, write_smollm2


@pytest.fixture(scope="session")
def smollm2_json(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_smollm2(tmp_path_factory.mktemp("smollm2"))


@pytest.fixture(scope="session")
def smollm2(smollm2_json: Path) -> Pair:
    return read_pair(smollm2_json)
