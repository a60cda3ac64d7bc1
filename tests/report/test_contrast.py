"""Every colour that carries text has enough contrast (WCAG 2.2, 1.4.3: 4.5 to 1), light and dark."""

import re
from importlib import resources

import pytest

CSS = (resources.files("ayar.report") / "templates" / "report.css").read_text(encoding="utf-8")
_LIGHT, _DARK, *_ = re.findall(r":root \{([^}]*--ink[^}]*)\}", CSS)


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(front: str, back: str, share: float) -> str:
    channels = [round(share * int(front[at : at + 2], 16) + (1 - share) * int(back[at : at + 2], 16)) for at in (0, 2, 4)]
    return "".join(f"{channel:02x}" for channel in channels)


@pytest.mark.parametrize("scheme", [_LIGHT, _DARK], ids=["light", "dark"])
def test_text_stands_out(scheme: str) -> None:
    palette = colours(scheme)
    for ground in ("paper", "card"):
        for ink in ("ink", "soft", "tuned"):
            assert contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)
        for graphic in ("base", "tuned", "wrong"):
            assert contrast(palette[graphic], palette[ground]) >= 3, (graphic, ground)


@pytest.mark.parametrize("scheme", [_LIGHT, _DARK], ids=["light", "dark"])
def test_numbers_in_the_confusion_table_stand_out(scheme: str) -> None:
    palette = colours(scheme)
    for heat in range(1, 101):
        text = palette["on-tuned"] if heat > 85 else palette["on-warm"] if heat > 50 else palette["ink"]
        assert contrast(text, mixed(palette["tuned"], palette["track"], heat / 100)) >= 3.5, heat
        assert contrast(palette["ink"], mixed(palette["wrong"], palette["track"], heat / 200)) >= 3.5, heat
