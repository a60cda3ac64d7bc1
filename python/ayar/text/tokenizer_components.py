"""Normalizers, pre-tokenizers, post-processors and decoders of a ``tokenizer.json``, in the native core's words. Unknown ones are refused."""

from typing import Any, NoReturn, Protocol

Component = dict[str, Any] | None


class Refuse(Protocol):
    def __call__(self, component: str, is_foreign: bool = True) -> NoReturn:
        """is_foreign: `tokenizers` knows what it means; False where nobody may."""
        ...


_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WHITE = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_OTHER = r"| ?[^\s\p{L}\p{N}]+[\r\n]*" + _WHITE
_LLAMA3 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def _cased(contraction: str, numbers: str) -> str:
    prefix = r"[^\r\n\p{L}\p{N}]?"
    words = f"{prefix}{_UPPER}*{_LOWER}+{contraction}|{prefix}{_UPPER}+{_LOWER}*{contraction}|"
    return words + numbers + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _WHITE


# Patterns that match every character, so that what they do not match is nothing.
_WHOLE_PATTERNS = {
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "gpt2",
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "gpt2",
    _LLAMA3 + r"\p{N}{1,3}" + _OTHER: "llama3",
    _LLAMA3 + r"\p{N}" + _OTHER: "qwen2",
    _cased(_CONTRACTIONS + "?", r"\p{N}{1,3}"): "o200k",
    _cased("", r"\p{N}"): "tekken",
}
# Patterns as files write them: with escapes of JSON or with the characters themselves.
_DEEPSEEK = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
    "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)
_PATTERNS = _WHOLE_PATTERNS | {
    r"\p{N}{1,3}": "number_triples",
    r"\p{N}": "number_single",
    "[一-龥\u3040-ゟ゠-ヿ]+": "cjk_runs",
    _DEEPSEEK: "deepseek",
}
_BEHAVIORS = {
    "Isolated": "isolated",
    "Removed": "removed",
    "MergedWithPrevious": "merged_with_previous",
    "MergedWithNext": "merged_with_next",
    "Contiguous": "contiguous",
}
_SPLIT_FIELDS = {
    "Digits": {"individual_digits"},
    "Split": {"pattern", "behavior", "invert"},
    "ByteLevel": {"add_prefix_space", "trim_offsets", "use_regex"},
    "Metaspace": {"replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"},
    "Whitespace": set(),
    "WhitespaceSplit": set(),
    "BertPreTokenizer": set(),
    "Punctuation": {"behavior"},
    "CharDelimiterSplit": {"delimiter"},
}
_NORMAL_FIELDS = {
    "NFC": set(),
    "NFD": set(),
    "NFKC": set(),
    "NFKD": set(),
    "Lowercase": set(),
    "StripAccents": set(),
    "Strip": {"strip_left", "strip_right"},
    "Replace": {"pattern", "content"},
    "Prepend": {"prepend"},
    "BertNormalizer": {"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"},
}


def name_of(component: Any) -> str:
    return str(component.get("type", "without a type")) if isinstance(component, dict) else str(component)


def _flat(component: Component, inside: str) -> list[dict[str, Any]]:
    """The steps of a component, those of its sequences in their place."""
    if component is None:
        return []
    if name_of(component) != "Sequence":
        return [component]
    return [step for part in component[inside] for step in _flat(part, inside)]


def _check_fields(place: str, step: dict[str, Any], known: dict[str, set[str]], refuse: Refuse) -> None:
    name = name_of(step)
    if name not in known:
        refuse(f"{place} {name}")
    for field in step.keys() - known[name] - {"type"}:
        refuse(f"{place} {name} with field {field!r}", False)


def normal_steps(component: Component, refuse: Refuse) -> list[tuple[str, str, str]]:
    """(kind, pattern, content) of each step."""
    steps: list[tuple[str, str, str]] = []
    for step in _flat(component, "normalizers"):
        _check_fields("normalizer", step, _NORMAL_FIELDS, refuse)
        name = name_of(step)
        if name == "Replace":
            pattern = step["pattern"]
            if pattern.get("Regex") == " {2,}":
                steps.append(("collapse_spaces", "", step["content"]))
            elif pattern.get("String"):
                steps.append(("replace", pattern["String"], step["content"]))
            else:
                refuse(f"normalizer Replace with {pattern}")
        elif name == "Prepend":
            steps.append(("prepend", "", step["prepend"]))
        elif name == "Strip":
            sides = {(True, True): "strip_both", (True, False): "strip_left", (False, True): "strip_right"}
            side = sides.get((step["strip_left"], step["strip_right"]))
            steps += [(side, "", "")] if side else []
        elif name == "BertNormalizer":
            strips = step["lowercase"] if step["strip_accents"] is None else step["strip_accents"]
            switches = [("bert_clean", step["clean_text"]), ("bert_ideographs", step["handle_chinese_chars"])]
            switches += [("bert_accents", strips), ("lowercase", step["lowercase"])]
            steps += [(kind, "", "") for kind, is_on in switches if is_on]
        else:
            steps.append(("strip_accents" if name == "StripAccents" else name.lower(), "", ""))
    return steps


def split_steps(component: Component, refuse: Refuse) -> tuple[list[dict[str, Any]], bool]:
    """The steps, and whether the last one writes the text in the byte-level alphabet."""
    steps: list[dict[str, Any]] = []
    is_byte_level = False
    for step in _flat(component, "pretokenizers"):
        _check_fields("pre_tokenizer", step, _SPLIT_FIELDS, refuse)
        name = name_of(step)
        if is_byte_level:
            refuse(f"pre_tokenizer {name} behind ByteLevel")
        if name == "ByteLevel":
            is_byte_level = True
            steps.append({"kind": "byte_level", "prefix_space": step["add_prefix_space"]})
            if step.get("use_regex", True):
                steps.append({"kind": "cut", "cut": "gpt2"})
        elif name == "Digits":
            steps.append({"kind": "cut", "cut": "digits_single" if step["individual_digits"] else "digit_runs"})
        elif name == "Split":
            steps.append(_split(step, refuse))
        elif name == "Metaspace":
            steps.append(_metaspace(step, refuse))
        elif name == "Punctuation":
            steps.append({"kind": "punctuation", "behavior": _BEHAVIORS[step.get("behavior", "Isolated")]})
        elif name == "CharDelimiterSplit":
            steps.append({"kind": "literal", "pattern": step["delimiter"], "behavior": "removed"})
        else:
            kinds = {"Whitespace": "words", "WhitespaceSplit": "whitespace_split", "BertPreTokenizer": "bert"}
            steps.append({"kind": kinds[name]})
    return steps, is_byte_level


def _split(step: dict[str, Any], refuse: Refuse) -> dict[str, Any]:
    pattern, behavior, invert = step["pattern"], step["behavior"], step["invert"]
    regex = pattern.get("Regex")
    if regex in _PATTERNS and behavior == "Isolated" and not invert:
        return {"kind": "cut", "cut": _PATTERNS[regex]}
    if regex in _WHOLE_PATTERNS and behavior == "Removed" and invert:  # drops what does not match: nothing
        return {"kind": "cut", "cut": _WHOLE_PATTERNS[regex]}
    if pattern.get("String") and not invert:
        return {"kind": "literal", "pattern": pattern["String"], "behavior": _BEHAVIORS[behavior]}
    return refuse(f"pre_tokenizer Split with {pattern} ({behavior}, invert={invert})")


def _metaspace(step: dict[str, Any], refuse: Refuse) -> dict[str, Any]:
    scheme = step.get("prepend_scheme", "always")
    if step["replacement"] != "▁" or (step.get("add_prefix_space") is False and scheme != "never"):
        refuse(f"pre_tokenizer Metaspace with {step}")
    return {
        "kind": "metaspace",
        "prepend": {"always": "always", "first": "first", "never": "never"}[scheme],
        "splits": step.get("split", True),
    }


def offset_trim(component: Component, refuse: Refuse) -> tuple[bool, bool]:
    """Whether the post-processor trims white space from offsets, and keeps a first space. Templates add tokens only where asked for."""
    trims = keeps_first_space = False
    for step in _flat(component, "processors"):
        name = name_of(step)
        if name in ("ByteLevel", "RobertaProcessing") and not trims:
            trims, keeps_first_space = step["trim_offsets"], step["add_prefix_space"]
        elif name not in ("TemplateProcessing", "BertProcessing"):
            refuse(f"post_processor {name}")
    return bool(trims), bool(keeps_first_space)


def check_decoder(component: Component, refuse: Refuse) -> None:
    """Refuses what tokenizer_decoders.py does not know."""
    known = {
        "ByteLevel": {"add_prefix_space", "trim_offsets", "use_regex"},
        "ByteFallback": set(),
        "Fuse": set(),
        "Metaspace": _SPLIT_FIELDS["Metaspace"],
        "Replace": {"pattern", "content"},
        "Strip": {"content", "start", "stop"},
        "WordPiece": {"prefix", "cleanup"},
    }
    for step in _flat(component, "decoders"):
        _check_fields("decoder", step, known, refuse)
        if name_of(step) == "Replace" and not step["pattern"].get("String"):
            refuse(f"decoder Replace with {step['pattern']}")
