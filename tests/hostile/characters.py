"""Names of members as no build tool writes them."""

from __future__ import annotations

from random import Random

ODD = (
    *(chr(code) for code in (0x01, 0x07, 0x08, 0x09, 0x0A, 0x0D, 0x1B, 0x1F, 0x20, 0x7F, 0x80, 0x85, 0x9B, 0x9F, 0xA0)),
    *(chr(code) for code in (0xAD, 0x034F, 0x061C, 0x115F, 0x180E, 0x200B, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029)),
    *(chr(code) for code in (0x202A, 0x202E, 0x2060, 0x2066, 0x2069, 0x206A, 0x3000, 0xFE0F, 0xFEFF, 0xFFF9, 0xFFFC)),
    *(chr(code) for code in (0xFFFD, 0xFFFE, 0xE000, 0xE0001, 0xE0041, 0xE0100, 0x10FFFF, 0x0301, 0x00E9, 0x5D0)),
    *("\\", ":", "*", "?", '"', "<", ">", "|", "%", "~", "$", "'", ";", "&", "#", "\udcff", "\udc80", "//", "/./"),
)
"""Control, bidi, zero-width and private characters, bytes that are no UTF-8, what means something to some system."""

NAMES = (
    "con",
    "aux.c",
    "nul",
    "x.",
    "x ",
    " x",
    ".x",
    "-x",
    "~",
    "...",
    "x" * 120,
    "x" * 255,
    "x" * 256,
    "a/" * 60 + "x",
)


def odd_name(source: Random) -> str:
    """A name with an odd character in front, in the middle or at its end, in its last part or in a folder."""
    if source.random() < 0.15:
        return source.choice(NAMES)
    character = source.choice(ODD)
    part = source.choice((f"{character}name", f"na{character}me", f"name{character}"))
    return source.choice((part, part, f"{part}/inner"))
