"""Right Turkish word forms by the rules of school grammars: whole paradigms of common nouns and verbs, independent of the native core."""

from collections.abc import Iterator
from itertools import product

VOWELS, FRONT, ROUND, VOICELESS = "aeıioöuü", "eiöü", "oöuü", "pçtkfhsş"

# As in a dictionary, and as before a vowel where that differs; "<" marks words that take front vowels after a back one.
NOUNS = """
kitap/kitab ağaç/ağac çocuk/çocuğ kanat/kanad renk/reng burun/burn hak/hakk saat< kalp/kalb< ev araba okul masa kapı göz yol el su/suy gün
şehir/şehr köy deniz güneş yağmur kar öğretmen öğrenci arkadaş anne baba kardeş müşteri sipariş fatura hesap/hesab kargo ürün adres kart
şifre banka telefon bilgisayar ekran klavye defter kalem sınıf ders sınav soru cevap/cevab dil ülke dünya insan kadın erkek/erkeğ genç/genc
hasta doktor hastane ilaç/ilac yemek/yemeğ ekmek/ekmeğ süt çay kahve bardak/bardağ tabak/tabağ bıçak/bıçağ kaşık/kaşığ oda bahçe pencere
duvar ışık/ışığ ses müzik/müziğ şarkı film haber gazete resim/resm para iş işçi patron toplantı rapor belge imza kanun hukuk/hukuğ mahkeme
ağız/ağz oğul/oğl isim/ism fikir/fikr akıl/akl sabır/sabr his/hiss zaman mevsim yıl hafta ay rol< gol< hayal<
""".split()
# Stem, before a vowel, vowel of the aorist.
VERBS = """
gel/gel/i git/gid/e yap/yap/a al/al/ı ver/ver/i gör/gör/ü bil/bil/i bul/bul/u kal/kal/ı otur/otur/u konuş/konuş/u çalış/çalış/ı
öğren/öğren/i bekle/bekle/ iste/iste/ anla/anla/ başla/başla/ söyle/söyle/ dinle/dinle/ oku/oku/ yürü/yürü/ taşı/taşı/ sat/sat/a
gönder/gönder/i değiştir/değiştir/i kullan/kullan/ı seç/seç/e aç/aç/a kapat/kapat/ı unut/unut/u düşün/düşün/ü bitir/bitir/i
""".split()
POSSESSIVES = ("", "(I)m", "(I)n", "(s)I", "(I)mIz", "(I)nIz")
CASES = ("", "(y)I", "(y)A", "DA", "DAn", "(n)In", "(y)lA")
PERSONS = ("m", "n", "", "k", "nIz", "lAr")
PERSONS_OF_TENSES = ("(y)Im", "sIn", "", "(y)Iz", "sInIz", "lAr")


def noun_forms(entry: str) -> Iterator[str]:
    """Number, possession and case: 84 forms."""
    stem, _, soft = entry.rstrip("<").partition("/")
    front = entry.endswith("<")
    for plural, owner, case in product(("", "lAr"), POSSESSIVES, CASES):
        if stem == "su" and not plural:
            continue  # the one noun whose possessives take y
        suffixes = [suffix for suffix in (plural, owner, case) if suffix]
        if owner == "(s)I" and case:
            suffixes[-1] = {"(y)I": "nI", "(y)A": "nA", "DA": "ndA", "DAn": "ndAn", "(n)In": "nIn", "(y)lA": "ylA"}[case]
        yield inflect(stem, soft or stem, suffixes, front)


def verb_forms(entry: str) -> Iterator[str]:
    """Tenses, said and denied, with their persons; the commonest nouns and adverbs that are made of a verb."""
    stem, soft, aorist = entry.split("/")
    narrowed = stem[:-1] if stem[-1] in "ae" else soft
    for person in PERSONS:
        for tense in ("DI", "sA", "mAdI", "mAsA"):
            yield inflect(stem, stem, [tense, person], False)
    for person in PERSONS_OF_TENSES:
        yield inflect(narrowed, narrowed, [vowel_before_yor(stem) + "yor", person], False)
        yield inflect(stem, stem, ["mIyor", person], False)
        for tense in ("mIş", "mAlI", "mAmIş"):
            yield inflect(stem, soft, [tense, person], False)
        for tense in ("(y)AcAK", "mAyAcAK"):
            yield inflect(stem, soft, [tense, person], False)
        yield inflect(stem, soft, [f"{aorist}r", person], False)
    for ending in (
        "mAk",
        "mAktAn",
        "(y)Ip",
        "(y)ArAk",
        "(y)IncA",
        "mAdAn",
        "(y)An",
        "(y)AnlAr",
        "mAsI",
        "mAsInI",
        "DIğI",
        "DIğInI",
        "(y)AcAğI",
    ):
        yield inflect(stem, soft, [ending], False)


def vowel_before_yor(stem: str) -> str:
    """The high vowel of -Iyor, which a final a or e makes way for."""
    if stem[-1] not in VOWELS:
        return "I"
    return "I" if stem[-1] in "ae" else ""


def inflect(stem: str, soft: str, suffixes: list[str], front: bool) -> str:
    """soft: the stem before a vowel. front: the first suffix takes front vowels whatever the stem's last one is."""
    word = stem
    for suffix in suffixes:
        if not suffix:
            continue
        spelled = _spell(word, suffix, front and word == stem)
        if spelled[0] in VOWELS:
            if word == stem:
                word = soft
            elif word.endswith(("acak", "ecek")):
                word = word[:-1] + "ğ"
        word += spelled
        if word.endswith("K"):
            word = word[:-1] + "k"
    return word


def _spell(word: str, suffix: str, front: bool) -> str:
    letters: list[str] = []
    joint = False
    for mark in suffix:
        before = letters[-1] if letters else word[-1]
        if mark in "()":
            joint = mark == "("
            continue
        if joint and (mark in "AI") == (before in VOWELS):
            continue
        vowel = next(letter for letter in reversed(word + "".join(letters)) if letter in VOWELS)
        is_front = vowel in FRONT or (front and not any(letter in VOWELS for letter in letters))
        if mark == "A":
            letters.append("e" if is_front else "a")
        elif mark == "I":
            letters.append(("ü" if vowel in ROUND else "i") if is_front else ("u" if vowel in ROUND else "ı"))
        elif mark == "D":
            letters.append("t" if before in VOICELESS else "d")
        else:
            letters.append(mark)
    return "".join(letters)
