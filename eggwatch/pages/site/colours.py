"""A colour of one's own for links, such that they can be read (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

WHITE, DARK = "#ffffff", "#14191f"
"""The pages behind it, as style.css has them."""
LEAST, LEAST_IN_THE_DARK = 5.0, 6.0
"""Contrasts with them by which it has 4.5 with every other ground that a link may have."""


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (#rrggbb): 1.0 of the same one, 21.0 of black and white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def accent_style(accent: str) -> bytes:
    """Rules to be added to style.css: the colour, and in the dark a lighter one."""
    share = next(share for share in range(0, 101, 5) if contrast(_lightened(accent, share), DARK) >= LEAST_IN_THE_DARK)
    dark = _lightened(accent, share)
    return (
        f"\n:root {{ --link: {accent}; }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ --link: {dark}; }} }}\n"
    ).encode()


def _lightened(colour: str, percent: int) -> str:
    return "#" + "".join(f"{part + (255 - part) * percent // 100:02x}" for part in _parts(colour))


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in _parts(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))
