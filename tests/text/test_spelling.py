"""Spelling in the native core: suggestions against brute force, forms against paradigms, and above all what must not be touched."""

import random
import string
import time
from functools import cache

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.ops import backend
from ayar.text.spelling import Speller, correct_spelling, load_speller, misspellings
from bench.turkish_forms import NOUNS, VERBS, noun_forms, verb_forms

TURKISH_LETTERS = "abcçdefgğhıijklmnoöprsştuüvyz"


@cache
def spellers() -> list[Speller]:
    return [load_speller("en"), load_speller("tr")]


def corrected(*texts: str, protected: tuple[str, ...] = (), caution: float = 100) -> list[str]:
    return correct_spelling(pa.array(texts, pa.string()), spellers(), protected, caution)[0].to_pylist()


def little_speller(language: str, words: list[str]) -> Speller:
    frequencies = [0.01 / (rank + 1) for rank in range(len(words))]
    return Speller(language, pa.table({"word": words, "frequency": pa.array(frequencies, pa.float32())}))  # pyright: ignore[reportArgumentType]


def osa_distance(a: str, b: str) -> int:
    """Optimal string alignment: the recurrence, word by word."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, start=1):
        row = [i]
        for j, y in enumerate(b, start=1):
            cost = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


@given(st.lists(st.text("abcde", min_size=1, max_size=9), min_size=1, max_size=40, unique=True), st.text("abcde", min_size=1, max_size=9))
def test_every_listed_word_one_edit_away_is_suggested(words: list[str], typed: str) -> None:
    found = little_speller("en", words).suggest(typed, 100)
    near = {word for word in words if osa_distance(typed, word) <= 1}
    assert near <= set(found)
    if typed in words:
        assert found[0] == typed
    if near - {typed}:
        assert set(found) <= near
    elif len(typed) >= 7:
        assert {word for word in words if osa_distance(typed, word) == 2} | near == set(found)


@pytest.mark.parametrize("language", ["en", "tr"])
def test_no_listed_word_is_ever_changed(language: str) -> None:
    speller = little_speller(language, ["kalem", "kelam", "kalma", "katem", "talem", "kalemi"])
    for word in ("kalem", "kelam", "kalma", "katem", "talem", "kalemi"):
        row = f"kalem {word} kalem kalem"
        assert correct_spelling(pa.array([row]), [speller], caution=1)[0].to_pylist() == [row]


def test_right_turkish_forms_are_accepted_and_left_alone() -> None:
    turkish = load_speller("tr")
    forms = sorted({form for entry in NOUNS for form in noun_forms(entry)} | {form for entry in VERBS for form in verb_forms(entry)})
    assert len(forms) > 10_000
    assert [form for form in forms if not turkish.accepts(form)] == []
    rows = [" ".join(forms[place : place + 8]) for place in range(0, len(forms), 8)]
    assert corrected(*rows) == rows


@pytest.mark.parametrize(
    "word",
    [
        "kitaplerde",
        "evlarımız",
        "gidıyor",
        "kitabda",
        "saatlar",
        "ağaçı",
        "gelmeyacek",
        "okulden",
        "arabanınlar",
        "çocuküm",
        "burunu",
        "gelirdik",
    ],
)
def test_suffixes_against_the_rules_are_refused(word: str) -> None:
    assert load_speller("tr").accepts(word) == (word == "gelirdik")


def test_most_random_words_are_refused() -> None:
    rng = random.Random(3)
    words = ["".join(rng.choices(TURKISH_LETTERS, k=rng.randint(5, 10))) for _ in range(3000)]
    assert sum(map(load_speller("tr").accepts, words)) < 30


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("I have recieved the wrong acount statement today", "I have received the wrong account statement today"),
        ("Becuase of this I want my refudn now", "Because of this I want my refund now"),
        ("THE PAYMETN WAS WRONG AND I WANT MY MONEY", "THE PAYMENT WAS WRONG AND I WANT MY MONEY"),
        ("Siparişimi iptla etmek istiyorum ama olmadı", "Siparişimi iptal etmek istiyorum ama olmadı"),
        ("ben de calisiyorum ama cok gec oldu", "ben de çalışıyorum ama çok geç oldu"),
        ("Herkez burada ama birşey yok, yada ben görmedim", "Herkes burada ama bir şey yok, ya da ben görmedim"),
        ("Musterilerimizin hesabi için teşekkürler ederim", "Müşterilerimizin hesabı için teşekkürler ederim"),
    ],
)
def test_slips_are_corrected_in_their_case(typed: str, meant: str) -> None:
    assert corrected(typed) == [meant]


@pytest.mark.parametrize(
    "kept",
    [
        "my code is acount-9x and recieve_it and www.acount.com and me@acount.com",
        "write to [NAME_1] at #acount or @recieve or C:\\acount or /home/recieve",
        "please ask iPhonne or JavaScrpt or McDonnald about it",
        "I met Zeyneb and Jonh at the bank in Londn today",
        "the TEHN and the NBAA called me about the money",
        "Ankara'daa ve İstanbul’daan gelen kargo için teşekkürler",
        "Ich habe eine Frahe zu meiner Rechnugn und möchte sie bezahln",
        "je voudrais annulr ma commnade et recevoir un remboursemnt",
        "",
        "acount",
    ],
)
def test_names_codes_and_other_languages_stay(kept: str) -> None:
    assert corrected(kept) == [kept]


def test_protected_words_stay_in_any_case() -> None:
    row = "the Quesstion is about the quesstion in the bank"
    assert corrected(row) == ["the Quesstion is about the question in the bank"]
    assert corrected(row, protected=("QUESSTION",)) == [row]
    turkish = "bu ürünün adı ışıkk ve çok güzel bir ürün"
    assert corrected(turkish, caution=10) == [turkish.replace("ışıkk", "ışık")]
    assert corrected(turkish, protected=("IŞIKK",), caution=10) == [turkish]


def test_turkish_capitals_keep_their_dots() -> None:
    assert corrected("KARGOM NEREDE VE ŞİPARİŞİM NİYE GELMEDİ BİLMİYORUM") == ["KARGOM NEREDE VE SİPARİŞİM NİYE GELMEDİ BİLMİYORUM"]


def test_a_word_that_the_rows_use_again_and_again_is_their_own() -> None:
    row, right = "we tune the whole model with peft on the machine", "we tune the whole model with left on the machine"
    assert corrected(row) == [right]
    assert corrected(row, row) == [right, right]
    assert corrected(*[row] * 3) == [row] * 3
    much_commoner = "there is nothing left in the bank"
    assert corrected(*[row] * 3, *[much_commoner] * 29) == [row] * 3 + [much_commoner] * 29
    assert corrected(*[row] * 3, *[much_commoner] * 30) == [right] * 3 + [much_commoner] * 30
    word = "question"
    slips = [word[:place] + word[place] + word[place:] for place in range(1, 8)]  # each of them is rarer than the others together
    slips += [word[:place] + word[place + 1] + word[place] + word[place + 2 :] for place in range(1, 7)]
    slips += [word[:place] + word[place + 1 :] for place in range(1, 7)]
    once = corrected(*[f"I have a {slip} now" for slip in slips])
    assert once.count("I have a question now") >= 12
    assert corrected(*[f"I have a {slip} now" for slip in slips] * 3) == once * 3


def test_british_and_american_and_other_forms_of_one_word_stay() -> None:
    speller = little_speller("en", ["organize", "hemoglobin", "traveled", "center", "terrible", "congressman", "symptom", "pamphlet"])
    for word in ("organise", "haemoglobin", "travelled", "centre", "terribly", "congressmen", "symptoms", "pamphleted"):
        assert speller.native.correct_words([word], 0.0) == [None], word
    assert speller.native.correct_words(["symptok", "orgaanize"], 0.0) == ["symptom", "organize"]


def test_caution_trades_repairs_for_safety() -> None:
    rng = random.Random(5)
    words = [word for word, _ in zip(load_speller("en").suggest("statement", 1), range(1), strict=True)]
    assert words == ["statement"]
    rows = [f"the {_slip('important', rng)} thing is in the house" for _ in range(60)]
    changes = [sum(a != b for a, b in zip(rows, corrected(*rows, caution=caution), strict=True)) for caution in (1, 1e3, 1e30)]
    assert changes[0] >= changes[1] > changes[2] == 0


def _slip(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word))
    return word[:place] + rng.choice(string.ascii_lowercase) + word[place:]


def test_any_number_of_threads_gives_the_same() -> None:
    rng = random.Random(9)
    rows = [f"this is my {_slip('question', rng)} about the {_slip('payment', rng)} of {rng.randrange(99)}" for _ in range(4000)]
    native = backend.native()
    before = native.thread_count()
    answers = []
    try:
        for threads in (1, 2, 5):
            native.set_thread_count(threads)
            texts, counts = correct_spelling(pa.array(rows), spellers())
            answers.append((texts.to_pylist(), dict(counts)))
    finally:
        native.set_thread_count(before)
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][1]["rows"] > 1000


def test_slices_nulls_and_wide_offsets() -> None:
    rows = ["not this", "this is my quesstion about it", None, "and this is right"]
    want = ["this is my question about it", None, "and this is right"]
    for array in (pa.array(rows).slice(1), pa.array(rows, pa.large_string()).slice(1)):
        texts, counts = correct_spelling(array, spellers())
        assert texts.to_pylist() == want
        assert texts.type == array.type
        assert (counts["rows"], counts["words"]) == (1, 1)


@given(st.text(max_size=60))
def test_whatever_is_written_only_prose_changes_and_once(text: str) -> None:
    valid = text.encode("utf-8", "replace").decode()
    once = corrected(valid)
    assert corrected(*once) == once


@pytest.mark.parametrize("piece", ["a", "lı", "recieve", "e\u0301", "ş ", "x'", "q.", "mişmiş", "ler", "acount "])
def test_long_words_and_rows_take_linear_work(piece: str) -> None:
    row = piece * (1_000_000 // len(piece.encode()))
    start = time.perf_counter()
    corrected(row)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("language", ["en", "tr"])
def test_listed_misspellings_are_no_corrections_of_each_other(language: str) -> None:
    listed = misspellings(language)  # pyright: ignore[reportArgumentType]
    assert len(listed) > 60
    wrong = {typed for typed, _, _ in listed}
    assert len(wrong) == len(listed)
    assert not wrong & {word for _, *meant in listed for word in meant}
    speller = load_speller(language)  # pyright: ignore[reportArgumentType]
    assert [word for _, *meant in listed for word in meant if word and not speller.accepts(word)] == []
