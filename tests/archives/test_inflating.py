"""What inflates archives, where zlib-ng is installed, refuses what zlib refuses: pip goes by zlib."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

zlib_ng = pytest.importorskip("zlib_ng.zlib_ng")

STREAMS = st.builds(
    lambda content, level, strategy: _deflated(content, level, strategy),
    st.binary(max_size=400) | st.text("ab ", max_size=2000).map(str.encode),
    st.sampled_from([1, 6, 9]),
    st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY]),
)
MOST = 1 << 16


def _deflated(content: bytes, level: int, strategy: int) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    return stream.compress(content) + stream.flush()


def _inflated(library: Any, packed: bytes) -> tuple[object, ...]:
    stream = library.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        content = stream.decompress(packed, MOST)
    except library.error:
        return ("refused",)
    return content, stream.eof, stream.unused_data, stream.unconsumed_tail


@given(STREAMS, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 7)), max_size=3))
def test_damaged_streams_come_out_alike(packed: bytes, flips: list[tuple[int, int]]) -> None:
    """Bits are turned over where a stream says how it is coded, and behind that."""
    damaged = bytearray(packed)
    for place, bit in flips:
        damaged[place % len(damaged)] ^= 1 << bit
    assert _inflated(zlib_ng, bytes(damaged)) == _inflated(zlib, bytes(damaged))
