"""A colour of one's own can be read on every page."""

from __future__ import annotations

import re

import pytest

from eggwatch.pages.site.colours import DARK, LEAST_IN_THE_DARK, WHITE, accent_style, contrast


def test_contrasts_are_those_of_wcag() -> None:
    assert contrast("#000000", WHITE) == pytest.approx(21)
    assert contrast(WHITE, "#767676") == pytest.approx(4.54, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@pytest.mark.parametrize("accent", ["#000000", "#7a1f5c", "#0000ff", "#8b0000", "#005000"])
def test_in_the_dark_it_is_lightened_until_it_can_be_read(accent: str) -> None:
    light, dark = re.findall(r"--link: (#[0-9a-f]{6});", accent_style(accent).decode())
    assert light == accent
    assert contrast(dark, DARK) >= LEAST_IN_THE_DARK
