import pytest

from ayar.data.spelling import SpellingSettings, spelling
from tests.data.tables import classified, table

ROWS = [
    "there was a problm with my account and I want my money",
    "kargom hala gelmedi ama cok gec oldu",
    "Ich habe eine Frage zu meiner Rechnung und möchte sie bezahlen",
    "please write to [NAME_1] about my moeny and the zeyneb account",
]


def test_off_by_default() -> None:
    rows = classified(*((text, "a") for text in ROWS))
    stage = spelling(rows, SpellingSettings.model_validate({}), "classify")
    assert stage.kept.equals(rows)
    assert stage.report["changed"] == {}


def test_texts_are_corrected_and_counted_and_labels_stay() -> None:
    rows = classified(*((text, "a") for text in ROWS))
    stage = spelling(rows, SpellingSettings.model_validate({"languages": ["en", "tr"]}), "classify")
    assert stage.kept["text"].to_pylist() == [
        "there was a problem with my account and I want my money",
        "kargom hala gelmedi ama çok geç oldu",
        ROWS[2],
        "please write to [NAME_1] about my money and the zeyneb account",
    ]
    assert stage.kept["label"].equals(rows["label"])
    assert stage.report["changed"] == {"texts": 3, "words": 4}
    assert stage.report["languages"] == {"english": 2, "turkish": 1, "other": 1}
    assert (stage.report["rows_in"], stage.report["rows_out"], stage.dropped.num_rows) == (4, 4, 0)


@pytest.mark.parametrize("languages", [("en",), ("tr",)])
def test_rows_of_a_language_that_is_not_named_stay(languages: tuple[str, ...]) -> None:
    stage = spelling(classified(*((text, "a") for text in ROWS)), SpellingSettings.model_validate({"languages": languages}), "classify")
    changed = [row for row, text in enumerate(stage.kept["text"].to_pylist()) if text != ROWS[row]]
    assert changed == ([0, 3] if languages == ("en",) else [1])


def test_names_of_the_lists_and_own_words_stay() -> None:
    rows = classified(("please give the money to mehmet and not to abigail", "a"), ("this is my refundo and that is the quesstion", "a"))
    kept = SpellingSettings.model_validate({"languages": ["en"], "keep": ["Quesstion", "refundo"], "caution": 1})
    assert spelling(rows, kept, "classify").kept["text"].equals(rows["text"])


def test_all_messages_of_a_conversation() -> None:
    said = [{"role": "user", "content": "where is my moeny please"}, {"role": "assistant", "content": "it is on the way to your adress"}]
    stage = spelling(table("chat", [{"messages": said}]), SpellingSettings.model_validate({"languages": ["en"]}), "chat")
    contents = [message["content"] for message in stage.kept["messages"].to_pylist()[0]]
    assert contents == ["where is my money please", "it is on the way to your address"]
