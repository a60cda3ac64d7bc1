from pathlib import Path

import pyarrow as pa
import pytest

from ayar.data.anonymize import AnonymizeSettings, anonymize
from ayar.data.stage import Stage
from ayar.errors import DataError
from tests.data.tables import classified, reasons, table

IBAN, TC, CARD, PHONE, MAIL = (
    "TR33 0006 1005 1978 6457 8413 26",
    "10000000146",
    "4111 1111 1111 1111",
    "0532 123 45 67",
    "ahmet.y@firma.com.tr",
)
MESSAGE = f"Merhaba ben Ahmet Yılmaz, TC {TC}, IBAN {IBAN}, kart {CARD}, tel {PHONE}, mail {MAIL}. Ahmet Bey'i arayın: {PHONE}"


def texts(table: pa.Table) -> list[str]:
    return table["text"].to_pylist()


def run(*messages: str, **settings: object) -> Stage:
    rows = classified(*[(message, "x") for message in messages])
    return anonymize(rows, AnonymizeSettings.model_validate(settings), "classify")


@pytest.mark.parametrize("mode", ["replace", "placeholder", "remove"])
def test_nothing_personal_is_left_and_everything_is_counted(mode: str) -> None:
    stage = run(MESSAGE, "nothing here", mode=mode)
    assert reasons(stage) == {}
    made, untouched = texts(stage.kept)
    assert untouched == "nothing here"
    assert not [value for value in ("Ahmet", "Yılmaz", TC, IBAN, CARD, PHONE, MAIL) if value in made]
    assert made.startswith("Merhaba ben ")
    assert stage.report["personal_data"] == {"email": 1, "phone": 2, "iban": 1, "card": 1, "tc_id": 1, "name": 2}
    assert stage.report["changed"] == {"rows": 1}


def test_placeholders_number_values_and_know_a_name_by_its_part() -> None:
    made = texts(run(MESSAGE, "Ayşe Hanım", mode="placeholder").kept)
    assert made[0] == (
        "Merhaba ben [NAME_1], TC [TC_ID_1], IBAN [IBAN_1], kart [CARD_1], tel [PHONE_1], mail [EMAIL_1]. [NAME_1] Bey'i arayın: [PHONE_1]"
    )
    assert made[1] == "[NAME_1] Hanım"


def test_a_removed_word_takes_one_space_with_it() -> None:
    assert texts(run(f"tel {PHONE} arayın", mode="remove").kept) == ["tel arayın"]


def test_one_person_is_one_stand_in_in_the_whole_table_and_another_in_the_next_run() -> None:
    first, second = texts(run(f"tel {PHONE} ok", f"benim {PHONE} numaram").kept)
    assert first.split(" ", 1)[1].rsplit(" ", 1)[0] == second.split(" ", 1)[1].rsplit(" ", 1)[0]
    assert len({texts(run(MAIL).kept)[0] for _ in range(8)}) > 1


def test_a_key_file_repeats_the_stand_ins(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"sixteen bytes ok")
    assert texts(run(MESSAGE, key_file=key).kept) == texts(run(MESSAGE, key_file=key).kept)
    key.write_bytes(b"short")
    with pytest.raises(DataError, match=r"anonymize\.key_file.*16 or more"):
        run(MESSAGE, key_file=key)
    with pytest.raises(DataError, match="cannot be read"):
        run(MESSAGE, key_file=tmp_path / "none")


def test_kinds_and_values_to_keep() -> None:
    made = texts(run(MESSAGE, kinds=["phone"], keep=["+90 532 123 45 67"]).kept)
    assert made == [MESSAGE]
    made = texts(run(f"{MAIL} and info@shop.com", keep=["info@shop.com"]).kept)[0]
    assert made.endswith(" and info@shop.com")
    assert MAIL not in made


def test_off_is_off_and_says_so() -> None:
    stage = run(MESSAGE, mode="off")
    assert texts(stage.kept) == [MESSAGE]
    assert (stage.report["mode"], stage.report["personal_data"]) == ("off", {})


def test_all_texts_of_a_row_share_their_stand_ins() -> None:
    rows = table("answer", [{"prompt": f"ben Ayşe Kaya, mail {MAIL}", "response": f"Sayın Ayşe Kaya, {MAIL} adresine yazdık"}])
    row = anonymize(rows, AnonymizeSettings(mode="placeholder"), "answer").kept.to_pylist()[0]
    assert (row["prompt"], row["response"]) == ("ben [NAME_1], mail [EMAIL_1]", "Sayın [NAME_1], [EMAIL_1] adresine yazdık")
    turns = [{"role": "user", "content": f"mail {MAIL}"}, {"role": "assistant", "content": f"{MAIL} mi?"}]
    chat = anonymize(table("chat", [{"messages": turns}, {"messages": []}]), AnonymizeSettings(mode="placeholder"), "chat").kept
    assert [turn["content"] for turn in chat["messages"][0].as_py()] == ["mail [EMAIL_1]", "[EMAIL_1] mi?"]
    assert chat["messages"][1].as_py() == []
