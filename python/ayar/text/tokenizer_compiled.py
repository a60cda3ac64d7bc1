"""The compiled form of a ``tokenizer.json``: its tables, its settings, and pre-tokens already encoded, in a file that is mapped into memory.

It lies beside the JSON, or in the cache folder where that cannot be written, and belongs to exactly the bytes it was made from. A file that
is damaged, or was made by another version or from other bytes, is not used and is written again.
"""

import gc
import json
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ayar.errors import ModelError
from ayar.locations import cache_folder
from ayar.text.tokenizer_decoders import byte_alphabet
from ayar.text.tokenizer_foreign import ForeignTokenizer
from ayar.text.tokenizer_json import ForeignComponentError, parse_tokenizer_json

_LONGEST_SEED = 15  # bytes: what a slot of the cache holds


def load_tokenizer(path: Path, store: bool) -> tuple[Any, dict[str, Any], Path | None]:
    """The native tokenizer of a ``tokenizer.json``, its settings, and the file it is mapped from (None: memory). ``store``: may write that file.

    A ForeignTokenizer where only `tokenizers` has one of the components. Raises ModelError naming the file and what is missing, damaged or not supported.
    """
    native = import_module("ayar._native").tokenizer
    try:
        with path.open("rb") as file:
            raw: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(file.fileno()).st_size else b""
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file. A model folder needs the tokenizer.json it was published with.") from None
    source = native.digest(raw)
    places = [path.with_suffix(".ayar"), cache_folder() / f"tokenizer-{source[0]:016x}{source[1]:016x}.ayar"]
    for place in places:
        with suppress(OSError, ValueError, KeyError, TypeError):  # whatever is wrong with it, it is made again
            image = native.map_image(str(place), source)
            settings = json.loads(image.settings)
            return _make(image, settings), settings, place
    try:
        image, settings = _compile(bytes(raw), source, path)
    except ForeignComponentError as error:
        return ForeignTokenizer(path, error.component), {"decoder": None}, None
    for place in places if store else []:
        with suppress(OSError):
            _write(place, image)
            return _make(image, settings), settings, place
    return _make(image, settings), settings, None


def _make(image: Any, settings: dict[str, Any]) -> Any:
    """The native tokenizer over an image."""
    native: Any = import_module("ayar._native").tokenizer
    kinds = {"kind": native.StepKind, "cut": native.Cut, "behavior": native.Behavior, "prepend": native.Prepend}
    splits = [
        {name: kinds[name].__members__[value] if name in kinds else value for name, value in step.items()} for step in settings["splits"]
    ]
    normalizer = [(native.Normal.__members__[kind], pattern, content) for kind, pattern, content in settings["normalizer"]]
    raw, normalized = ([tuple(token[:5]) for token in settings["added"] if token[5] is is_normalized] for is_normalized in (False, True))
    made = settings | {"splits": splits, "normalizer": normalizer, "raw_added": raw, "normalized_added": normalized}
    tokenizer = native.Tokenizer(image, made)
    for token in settings["added"]:
        if token[6]:
            tokenizer.mark_special(token[1])
    return tokenizer


def _compile(raw: bytes, source: tuple[int, int], path: Path) -> tuple[Any, dict[str, Any]]:
    native: Any = import_module("ayar._native").tokenizer
    with _no_garbage_collection():
        file = parse_tokenizer_json(raw, path)
        settings = json.dumps(file.settings, ensure_ascii=False).encode()
        try:
            image = native.build_image(settings, file.vocab, file.merges, file.scores, source)
            tokenizer = _make(image, file.settings)
        except (ValueError, RuntimeError, OverflowError, TypeError) as error:
            raise ModelError(f"{path}: {error}. The file is damaged: download it again.") from None
        if tokenizer.plan in (native.Plan.byte_level, native.Plan.sentencepiece):
            is_byte_level = tokenizer.plan == native.Plan.byte_level
            image = native.with_seeds(image, tokenizer, list(_seeds(file.vocab, is_byte_level)))
    return image, file.settings


def _seeds(vocab: Iterable[str], is_byte_level: bool) -> Iterator[bytes]:
    """What a text's short pre-tokens may well be: every token, as the bytes it stands for."""
    alphabet = byte_alphabet()
    for token in vocab:
        if is_byte_level:
            seed = bytes(alphabet[character] for character in token) if all(character in alphabet for character in token) else b""
        else:
            seed = token.replace("▁", " ").encode()
        if 0 < len(seed) <= _LONGEST_SEED:
            yield seed


def _write(place: Path, image: Any) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=place.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(memoryview(image))
        os.chmod(name, 0o644)
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Parsing makes a list for each merge and no cycle; beside torch, the collections that they set off take longer than the parsing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
