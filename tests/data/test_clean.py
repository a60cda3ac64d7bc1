from ayar.data.clean import CleanSettings, clean
from tests.data.tables import classified, reasons, table


def test_texts_are_repaired_and_each_operator_counts() -> None:
    stage = clean(classified(("<b>doÄŸru</b> &amp;  tamam", "x"), ("temiz", "x")), CleanSettings(), "classify")
    assert reasons(stage) == {}
    assert stage.kept["text"].to_pylist() == ["doğru & tamam", "temiz"]
    assert {"tags": 1, "entities": 1, "mojibake": 1, "white_space": 1}.items() <= stage.report["changed"].items()


def test_an_operator_can_be_off() -> None:
    rows = classified(("<b>doÄŸru</b>", "x"), ("a", "y"))
    assert clean(rows, CleanSettings(tags=False, mojibake=False), "classify").kept["text"][0].as_py() == "<b>doÄŸru</b>"


def test_spellings_of_a_class_become_one_and_are_said() -> None:
    rows = classified(("a", "Refund"), ("b", "refund "), ("c", "Refund"), ("d", "card"))
    stage = clean(rows, CleanSettings(), "classify")
    assert stage.kept["label"].to_pylist() == ["Refund", "Refund", "Refund", "card"]
    assert stage.report["merged_labels"] == {"Refund": ["Refund", "refund "]}
    kept = clean(rows, CleanSettings(labels=False), "classify")
    assert kept.kept["label"].to_pylist() == ["Refund", "refund ", "Refund", "card"]


def test_conversations_keep_their_shape() -> None:
    turns = [{"role": "user", "content": " hi  there "}, {"role": "assistant", "content": "<i>hello</i>"}]
    stage = clean(table("chat", [{"messages": turns}, {"messages": []}, {"messages": turns[:1]}]), CleanSettings(), "chat")
    assert stage.kept["messages"].to_pylist() == [
        [{"role": "user", "content": "hi there"}, {"role": "assistant", "content": "hello"}],
        [],
        [{"role": "user", "content": "hi there"}],
    ]
