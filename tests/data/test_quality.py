import pytest

from ayar.data.quality import QualitySettings, quality
from ayar.errors import DataError
from tests.data.tables import classified, reasons, table

PLENTY = [
    ("my card was stolen on the train", "x"), ("what is the fee for a transfer abroad", "y"),
    ("please close the account of my late father", "x"), ("the app crashes after the update", "y"),
]  # fmt: skip


def judge(*rows: tuple[str, str], **settings: object) -> dict[int, str]:
    return reasons(quality(classified(*PLENTY, *rows), QualitySettings.model_validate({"near_duplicates": "keep"} | settings), "classify"))


FIRST = len(PLENTY) + 2  # the row number of the first row given to judge


def test_empty_short_junk_and_unlabelled_rows_go() -> None:
    dropped = judge((" ", "x"), ("ok", "x"), ("??!!... --- !!", "x"), ("a message without its class", ""), ("a good message", "x"))
    assert dropped == {FIRST: "empty", FIRST + 1: "too_short", FIRST + 2: "no_letters", FIRST + 3: "no_label"}
    assert judge(("a very long message " * 3, "x"), max_characters=50) == {FIRST: "too_long"}
    with pytest.raises(DataError, match="drops every row \\(too_long 4\\)"):
        judge(max_characters=5)


def test_texts_of_any_script_are_letters() -> None:
    assert judge(("カードが届きません", "x"), ("كم تبقى من الوقت", "y"), ("क्या मेरा कार्ड आया", "x")) == {}


def test_doubles_differ_in_case_punctuation_and_turkish_i_only() -> None:
    rows = [("İADE istiyorum!", "x"), ("iade  istiyorum", "x"), ("IADE İSTİYORUM...", "x"), ("iade istemiyorum", "x")]
    assert judge(*rows) == {FIRST + 1: "exact_duplicate", FIRST + 2: "exact_duplicate"}
    assert judge(*rows, exact_duplicates="keep") == {}


def test_contradictions() -> None:
    rows = [("where is it", "x"), ("Where is it?", "y"), ("where is it!", "x")]
    assert judge(*rows) == {FIRST: "contradictory_label", FIRST + 1: "contradictory_label", FIRST + 2: "contradictory_label"}
    assert judge(*rows, contradictions="majority") == {FIRST + 1: "contradictory_label", FIRST + 2: "exact_duplicate"}
    assert judge(*rows, contradictions="keep") == {FIRST + 2: "exact_duplicate"}
    assert len(judge(*rows[:2], contradictions="majority")) == 2


def test_near_doubles_go_within_a_class_only() -> None:
    rows = [
        ("I have been waiting for my new card for two weeks now", "x"),
        ("I have been waiting for my new card for two weeks now pls", "x"),
    ]
    assert judge(*rows, near_duplicates="drop")[FIRST + 1] == "near_duplicate"
    assert FIRST + 1 not in judge(rows[0], (rows[1][0], "y"), near_duplicates="drop")


def test_a_class_that_shrinks_to_one_row_is_refused_or_dropped() -> None:
    rows = [("only message of its class", "z"), ("Only message of its class!", "z")]
    with pytest.raises(DataError, match="class z"):
        judge(*rows)
    assert judge(*rows, rare_classes="drop") == {FIRST: "rare_class", FIRST + 1: "exact_duplicate"}


def test_an_answer_may_be_short_but_not_empty() -> None:
    rows = [
        {"prompt": "what is 3 + 4", "response": "7"},
        {"prompt": "what is 3 + 5", "response": " "},
        {"prompt": "what is 3 + 4", "response": "seven"},
    ]
    assert reasons(quality(table("answer", rows), QualitySettings(near_duplicates="keep"), "answer")) == {3: "empty_response"}


def test_conversations_are_compared_whole() -> None:
    turns = [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "hi, how can I help?"}]
    rows = [{"messages": turns}, {"messages": turns}, {"messages": [turns[0]]}, {"messages": []}]
    assert reasons(quality(table("chat", rows), QualitySettings(), "chat")) == {3: "exact_duplicate", 5: "empty"}
