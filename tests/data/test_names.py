import pytest

from ayar.data.addresses import find_addresses
from ayar.data.name_lists import fold, lists
from ayar.data.names import find_names


def names(text: str) -> list[str]:
    return [text[start:end] for start, end in find_names([text])[0]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Merhaba ben Ahmet Yılmaz, siparişim gelmedi.", ["Ahmet Yılmaz"]),
        ("AHMET YILMAZ adına olan kart", ["AHMET YILMAZ"]),
        ("Ayşe Hanım aradı, Mehmet Bey'e söyleyin", ["Ayşe", "Mehmet"]),
        ("adım mehmet yılmaz, kartım yok", ["mehmet yılmaz"]),
        ("ad soyad: hasan çelik tel", ["hasan çelik"]),
        ("Zeynep'in hesabı ve Ahmetin siparişi", ["Zeynep", "Ahmet"]),
        ("SİPARİŞİM NEREDE AYŞE HANIM", ["AYŞE"]),
        ("Umut Bey ile görüştüm", ["Umut"]),
        ("Deniz Kaya adına fatura", ["Deniz Kaya"]),
        ("Merhaba Ayşe Kargom gelmedi", ["Ayşe"]),
        ("kargom nerede? Saygılarımla, Elif Kaya", ["Elif Kaya"]),
        ("my name is John Smith and I want a refund", ["John Smith"]),
        ("Dear Mr Whitfield, thanks", ["Whitfield"]),
        ("I'm not happy. I am Sarah Jones. Then Jones is sad.", ["Sarah Jones", "Jones"]),
        ("Hi, this is Priya Patel from London", ["Priya Patel"]),
        ("Please call back.\nTom", ["Tom"]),
        ("Nerede kaldı?\nZafer Kurtuluş\nEmekli öğretmen", ["Zafer Kurtuluş"]),
        ("something happens.\n\nNgozi Bell", ["Ngozi Bell"]),
        ("Where is it? Best regards, Emma Watson", ["Emma Watson"]),
    ],
)
def test_names_are_found(text: str, found: list[str]) -> None:
    assert names(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Deniz çok güzel. Can sıkıcı bir durum, umut var.",
        "Will you help? Mark my order as done. May I have a refund? Hope so.",
        "Sayın Yetkili, Dear Customer Service, Dear Sir",
        "ilk adım olarak kargo takip numarası, adım adım anlatın",
        "ben can sıkıntısından öldüm",
        "teşekkürler iyi çalışmalar",
        "Kargom nerede\nÇok Güzel Hizmet\nTeşekkürler",
        "I am waiting. This is urgent. My name is not on the card",
        "SİPARİŞİM NEREDE KALDI ACİL DÖNÜŞ YAPIN",
        "",
    ],
)
def test_everyday_words_are_left_alone(text: str) -> None:
    assert names(text) == []


def test_a_name_found_in_one_text_is_taken_in_the_whole_row() -> None:
    texts = ["Mr Whitfield asked for it", "Whitfield wants his money; whitfield is a village"]
    assert [[text[start:end] for start, end in found] for text, found in zip(texts, find_names(texts), strict=True)] == [
        ["Whitfield"],
        ["Whitfield"],
    ]


def test_folding_makes_one_letter_of_all_kinds_of_i() -> None:
    assert len({fold(name) for name in ("İpek", "ipek", "IPEK", "İPEK", "ıpek")}) == 1
    assert len(lists().first) > 600


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "Adres: Atatürk Mah. Gül Sok. No:12 D:3 34000 Kadıköy/İstanbul teslim edin",
            "Atatürk Mah. Gül Sok. No:12 D:3 34000 Kadıköy/İstanbul",
        ),
        ("adres: Papatya Mah. 1203. Sok. No: 4 2/11 lütfen", "Papatya Mah. 1203. Sok. No: 4 2/11"),
        ("moda cad. no 5 daire 3'e gönderin", "moda cad. no 5 daire 3"),
        ("I live at 12 Elm Street, Leeds LS1 4AB.", "12 Elm Street, Leeds LS1 4AB"),
        ("Flat 3, 44 Baker St, London please", "Flat 3, 44 Baker St, London"),
    ],
)
def test_addresses_are_found(text: str, found: str) -> None:
    assert [text[span.start : span.end] for span in find_addresses(text)] == [found]


@pytest.mark.parametrize(
    "text", ["Mahallede 3 kişi", "No: 5 var", "İstiklal Caddesi çok kalabalık", "in 5 Days I Will Drive", "2 cards, 1 street"]
)
def test_no_address(text: str) -> None:
    assert find_addresses(text) == []


def test_hostile_texts_take_linear_time() -> None:
    from time import perf_counter

    for piece in ("Ahmet ", "Mah. ", "1 Aa ", "A", "adım ", "Sayın\t", "Ali Kaya\n"):
        start = perf_counter()
        find_names([piece * 20_000])
        find_addresses(piece * 20_000)
        assert perf_counter() - start < 3, piece
