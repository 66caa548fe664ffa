"""Tars with one odd field: every field of a header, every kind of extended header, the end, and the gzip around."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from random import Random

from tests.archive_factory import sdist_members
from tests.archives.judging import ZEROS
from tests.hostile.characters import odd_name
from tests.hostile.tar_records import FIELDS, GNU, TOP, USTAR, V7, header, member, pax, record, sound, targz
from tests.hostile.unpacking import STATIC

NUMBERS = ("mode", "uid", "gid", "mtime", "devmajor", "devminor", "size")
MAGICS = (USTAR, GNU, V7, b"ustar\0\0\0", b"ustar\x0001", b"ustar \x0000", b"USTAR\x0000", b"ustar00\0", b"ustar   ")
KINDS = b"\x00 01234567ABDEKLMNSVXZagrxsz\xff"
TIMES = (
    *(b"0", b"1", b"1.5", b".5", b"1.", b"-1", b"-0.5", b"+1", b" 1", b"1 ", b"1e3", b"1e300", b"nan", b"inf", b"-inf"),
    *(b"0x10", b"1_0", b"99999999999999999999", b"18446744073709551615", b"253402300800", b"text", b"1,5", b"\xd9\xa1"),
)
WHOLE = (b"0", b"1000", b"-1", b"+1", b"1.0", b"root", b"99999999999999999999", b" 5", b"5 ", b"0x1", b"\xd9\xa1")
KEYS = (
    *(
        "mtime",
        "atime",
        "ctime",
        "uid",
        "gid",
        "uname",
        "gname",
        "comment",
        "charset",
        "hdrcharset",
        "path",
        "linkpath",
    ),
    *(
        "SCHILY.xattr.user.x",
        "LIBARCHIVE.creationtime",
        "LIBARCHIVE.xattr.user.x",
        "RHT.security.selinux",
        "SCHILY.dev",
    ),
    *("SCHILY.fflags", "SCHILY.acl.access", "GNU.volume.label", "GNU.sparse.name", "GNU.sparse.major", "MSWINDOWS.x"),
    *("realtime.x", "security.x", "vendor.x", "VENDOR.x", "nodot", ".x", "x.", "PATH", "size", "m\u00fctime", "a b"),
)


def odd_numbers(width: int) -> Iterator[bytes]:
    """Numbers as tools wrote them, and as none should."""
    digits = width - 1
    yield from (b"", b" " * width, b"\0" + b"7" * digits, b"\0" * 2 + b"0" * 4, b"0" * width, b"7" * width)
    yield from (b"644".rjust(digits) + b"\0", b"644".rjust(width), b"644 ".ljust(width), b"644 \0", b"644\0 ")
    yield from (b"644\0" + b"x" * (width - 4), b"644 4\0", b"648\0", b"-1\0", b"+1\0", b"0o17\0", b"1_1\0", b"0x1\0")
    yield from (b"\x80" + bytes(digits), b"\x80" + bytes(digits - 1) + b"\1", b"\x80" + b"\xff" * digits)
    yield from (b"\xff" * width, b"\xff" + bytes(digits), b"\x81" + bytes(digits), b"\xc0" + bytes(digits))
    yield from (b"\x80" + bytes(digits - 8) + b"\x7f" + b"\xff" * 7 if width > 8 else b"\x80\0\0\x7f\xff\xff\xff\xff",)
    yield from (b"1.5\0", b"\t644\0", b"644\n\0", b"\xd9\xa1\0", b"4000644\0", b"0000000 ", b"000644 \0")


def number(source: Random) -> tuple[str, bytes]:
    """A file, or all members, with an odd number in a field."""
    field = source.choice(NUMBERS)
    value = source.choice(list(odd_numbers(FIELDS[field][1])))
    magic = source.choice((USTAR, USTAR, GNU))
    label = f"number {field} {value!r} {magic!r}"
    if field != "size" and source.random() < 0.3:
        return f"{label} everywhere", targz(sound(magic=magic, **{field: value}))
    extra = member(f"{TOP}/file", b"" if field == "size" else b"text", magic=magic, **{field: value})
    return label, targz([*sound(magic=magic), extra])


def magic(source: Random) -> tuple[str, bytes]:
    """Another format, of all members or of one."""
    value = source.choice(MAGICS)
    if source.random() < 0.5:
        return f"magic {value!r} everywhere", targz(sound(magic=value))
    base = source.choice((USTAR, GNU))
    fields = {"prefix": f"{TOP}/folder".encode()} if source.random() < 0.3 else {}
    name = "file" if fields else f"{TOP}/file"
    return f"magic {value!r} after {base!r} {fields}", targz([*sound(magic=base), member(name, magic=value, **fields)])


def kind(source: Random) -> tuple[str, bytes]:
    """A type flag, with contents or without."""
    flag = bytes([source.choice(KINDS)])
    content = source.choice((b"", b"text"))
    suffix = source.choice(("", "", "/"))
    base = source.choice((USTAR, GNU))
    more = member(f"{TOP}/file{suffix}", content, kind=flag, magic=base, target=f"{TOP}/setup.py".encode())
    return f"kind {flag!r} {content!r} {suffix!r} {base!r}", targz([*sound(magic=base), more])


def name(source: Random) -> tuple[str, bytes]:
    """An odd name of a file, folder or link, in the header, in a pax record or in a GNU header."""
    text = f"{TOP}/{odd_name(source)}"
    raw = text.encode("utf-8", "surrogateescape")
    flag = source.choice((b"0", b"0", b"5", b"2"))
    fields = {"kind": flag, **({"target": b"setup.py"} if flag == b"2" else {})}
    way = source.choice(("header", "pax", "gnu"))
    if way == "header" and len(raw) < 100:
        records = [*sound(), member(raw, **fields)]
    elif way == "gnu":
        long = member("././@LongLink", raw + b"\0", kind=b"L", magic=GNU)
        records = [*sound(magic=GNU), long, member(raw[:99], magic=GNU, **fields)]
    else:
        records = [*sound(), pax(record(b"path", raw)), member(f"{TOP}/x", **fields)]
    return f"name {text!r} {flag!r} {way}", targz(records)


def owner_name(source: Random) -> tuple[str, bytes]:
    """An odd name of the owner, or odd padding."""
    field = source.choice(("uname", "gname", "padding"))
    value = source.choice((b"x" * 32, b"x" * 31, b"\xff", "\u00e9".encode(), b"a\nb", b"a\0b", b" "))
    base = source.choice((USTAR, GNU))
    return f"{field} {value!r} {base!r}", targz(
        [*sound(magic=base), member(f"{TOP}/file", magic=base, **{field: value})]
    )


def leading(source: Random) -> tuple[str, bytes]:
    """Members under another spelling of the top folder, all or some."""
    way = source.choice(("./", ".//", "././", "/", "//", "./-"))
    prefix = way.encode()
    some = source.random() < 0.5
    records = []
    for path, content in {**sdist_members(), f"{TOP}/PKG-INFO": STATIC}.items():
        front = b"" if some and source.random() < 0.5 else prefix
        records.append(member(front + path.encode(), content, kind=b"5" if path.endswith("/") else b"0"))
    if source.random() < 0.4:
        records.insert(0, member(source.choice((b"./", b".", b"././")), kind=b"5"))
    return f"leading {way!r} {'some' if some else 'all'} {len(records)}", targz(records)


def time_and_owner(source: Random) -> tuple[str, bytes]:
    """A pax header, of one member or of all that follow, with a time or an owner in it."""
    key = source.choice(("mtime", "atime", "ctime", "uid", "gid", "size"))
    value = source.choice(TIMES if key.endswith("time") else WHOLE)
    flag = source.choice((b"x", b"x", b"g"))
    extended = pax(record(key.encode(), value), kind=flag)
    content = b"" if key == "size" else b"text"
    return f"pax {flag!r} {key}={value!r}", targz([*sound(), extended, member(f"{TOP}/file", content)])


def pax_key(source: Random) -> tuple[str, bytes]:
    """A pax header with whatever key."""
    key = source.choice(KEYS)
    value = source.choice(
        (b"", b"x", b"1", b"BINARY", b"ISO-IR 10646 2000 UTF-8", b"\xff", b"a\nb", f"{TOP}/y".encode())
    )
    flag = source.choice((b"x", b"x", b"g"))
    where = source.choice((0, -1))
    records = [*sound(), member(f"{TOP}/file", b"text")]
    extended = pax(record(key.encode(), value), kind=flag)
    records.insert(where if where == 0 else len(records) - 1, extended)
    return f"pax key {flag!r} {key}={value!r} at {where}", targz(records)


def pax_form(source: Random) -> tuple[str, bytes]:
    """Extended headers that are odd in themselves, or among each other."""
    comment, other = record(b"comment", b"words"), record(b"mtime", b"1")
    long = member("././@LongLink", f"{TOP}/long\0".encode(), kind=b"L")
    link = member("././@LongLink", b"setup.py\0", kind=b"K")
    forms: dict[str, list[bytes]] = {
        "empty": [pax()],
        "twice": [pax(comment), pax(other)],
        "one key twice": [pax(comment, comment)],
        "no newline": [pax(comment[:-1] + b"x")],
        "length with zero in front": [pax(b"017 comment=word\n")],
        "length too long": [pax(b"99 comment=words\n")],
        "length too short": [pax(b"9 comment=words\n")],
        "no key": [pax(b"9 =words\n")],
        "no equals sign": [pax(b"9 words\n\n")],
        "zeros behind": [pax(comment, bytes(10))],
        "key not UTF-8": [pax(record(b"vendor.\xff", b"x"))],
        "global twice": [pax(comment, kind=b"g"), pax(other, kind=b"g")],
        "global then local": [pax(comment, kind=b"g"), pax(other)],
        "local then global": [pax(other), pax(comment, kind=b"g")],
        "Solaris": [pax(comment, kind=b"X")],
        "GNU long name": [long],
        "GNU long name, then pax": [long, pax(other)],
        "pax, then GNU long name": [pax(other), long],
        "GNU long target": [link],
        "GNU long name in GNU": [],
        "large": [pax(record(b"comment", b"x" * source.choice((100_000, 260_000, 262_100, 300_000))))],
    }
    what = source.choice(list(forms))
    return f"pax form {what}", targz([*sound(), *forms[what], member(f"{TOP}/file", b"text")])


def gnu_form(source: Random) -> tuple[str, bytes]:
    """GNU's long names and targets, odd in themselves."""
    flag = source.choice((b"L", b"K"))
    payload = source.choice(
        (b"demo-1.0/long\0", b"demo-1.0/long", b"demo-1.0/long\0\0\0", b"demo-1.0/long\0x", b"", b"\0")
    )
    times = source.choice((1, 1, 2))
    more = [member("././@LongLink", payload, kind=flag, magic=GNU)] * times
    target = source.choice((b"0", b"2", b"5"))
    last = member(f"{TOP}/file", kind=target, magic=GNU, target=b"setup.py" if target == b"2" else b"")
    return f"gnu form {flag!r} {payload!r} {times} {target!r}", targz([*sound(magic=GNU), *more, last])


TARGETS = (
    *(
        "setup.py",
        "./setup.py",
        "demo",
        "demo/",
        "demo/.",
        "setup.py/",
        "missing",
        "link",
        "./link",
        "other",
        ".",
        "..",
    ),
    *(f"../{TOP}/setup.py", f"../{TOP}", f"../{TOP}/link", "demo/../setup.py", "demo//__init__.py", "/", "", "../x"),
    *("a\\b", "a:b", "setup.py ", " setup.py", "a\tb", "\u202ea", "\udcff", "later", "link/x"),
)
"""Of links: what is there, what is not, what is outside, and odd spellings."""


def link(source: Random) -> tuple[str, bytes]:
    """Links of both kinds to whatever there is."""
    flag = source.choice((b"1", b"2", b"2"))
    front = f"{TOP}/" if flag == b"1" else ""
    path = source.choice(TARGETS)
    prefix = source.choice((front, front, f"./{front}" if front else "./"))
    target = f"{prefix}{path}".encode("utf-8", "surrogateescape")
    more = [member(f"{TOP}/link", kind=flag, target=target)]
    if path == "other":
        more.append(member(f"{TOP}/other", kind=b"2", target=b"link"))
    if path == "later":
        more.append(member(f"{TOP}/later", b"text"))
    if source.random() < 0.2:
        more.append(member(f"{TOP}/link/below", b"text"))
    return f"link {flag!r} {target!r} {len(more)}", targz([*sound(), *more])


def twice(source: Random) -> tuple[str, bytes]:
    """Two members of one path, alike or not."""
    file = f"{TOP}/file"
    parts = {
        "file": member(file, b"text"),
        "other": member(file, b"other"),
        "script": member(file, b"text", mode=b"0000755\0"),
        "folder": member(f"{file}/", kind=b"5"),
        "inner": member(f"{file}/x", b"text"),
        "link": member(file, kind=b"2", target=b"setup.py"),
        "spelled": member(f"{TOP}/./file", b"text"),
        "upper": member(f"{TOP}/FILE", b"text"),
        "metadata": member(f"{TOP}/PKG-INFO", STATIC),
        "unwritable": member(file, b"text", mode=b"0000444\0"),
    }
    chosen = [source.choice(list(parts)) for _ in range(source.randint(1, 2))]
    return f"twice {'file' if chosen else ''} {chosen}", targz([*sound(), *(parts[each] for each in ("file", *chosen))])


def mode(source: Random) -> tuple[str, bytes]:
    """Any permissions of a file or folder."""
    value = source.choice((0, 0o111, 0o100, 0o010, 0o001, 0o444, 0o644, 0o700, 0o777, 0o1777, 0o2755, 0o4755, 0o7777))
    folder = source.random() < 0.4
    fields = {"mode": b"%07o\0" % value, "kind": b"5" if folder else b"0"}
    records = [member(f"{TOP}/x", b"" if folder else b"text", **fields)]
    if folder:
        records.append(member(f"{TOP}/x/file", b"text"))
    return f"mode {value:o} {folder}", targz([*sound(), *records])


def ending(source: Random) -> tuple[str, bytes]:
    """Whatever closes the tar."""
    endings = (b"", ZEROS, ZEROS * 2, ZEROS * 20, ZEROS * 2 + b"x" * 512, ZEROS * 2 + bytes(100), ZEROS + bytes(100))
    endings += (ZEROS * 2 + b"x", ZEROS + b"x" * 512 + ZEROS, ZEROS * 2 + member("x"), bytes(100), ZEROS + member("x"))
    value = source.choice(endings)
    return f"ending {len(value)} {value[-3:]!r}", targz(sound(), value)


def checksum(source: Random) -> tuple[str, bytes]:
    """The checksum in another form."""
    block = header(name=f"{TOP}/file".encode(), size=b"00000000000\0", uname=source.choice((b"x", b"\xff" * 8)))
    total = sum(block) - sum(block[148:156]) + 8 * 32
    signed = total - 256 * sum(byte > 0x7F for byte in block)
    forms = (
        b"%06o\0 ",
        b"%06o \0",
        b"%07o\0",
        b"%08o",
        b"%6o\0 ",
        b" %06o\0",
        b"%o\0",
        b"%06o  ",
        b"  %o ",
        b"\0%06o\0",
    )
    form, value = source.choice(forms), source.choice((total, total, signed, total + 1))
    field = form % value
    return f"checksum {field!r} {value - total}", targz([*sound(), block[:148] + field.ljust(8, b"\0") + block[156:]])


def gzip_header(source: Random) -> tuple[str, bytes]:
    """Flags and optional fields of the gzip, and what follows it."""
    raw = gzip.compress(b"".join(sound()) + ZEROS * 2, source.choice((0, 1, 9)), mtime=0)
    flags = source.choice((0, 1, 2, 3, 4, 8, 16, 4 | 2, 8 | 2, 8 | 16, 32, 64, 128, 0xE0, 31))
    middle = b""
    if flags & 4:
        extra = source.choice((b"", b"ab\2\0xy", b"x" * 60))
        middle += struct.pack("<H", len(extra)) + extra
    if flags & 8:
        middle += source.choice((b"demo.tar\0", b"\xff\0", b"\0", b"x" * 200 + b"\0"))
    if flags & 16:
        middle += source.choice((b"words\0", b"\0"))
    front = bytes([0x1F, 0x8B, source.choice((8, 8, 8, 7)), flags]) + source.choice((bytes(6), b"\xff" * 6))
    if flags & 2:
        middle += struct.pack("<H", (zlib.crc32(front + middle) + source.choice((0, 0, 1))) & 0xFFFF)
    after = source.choice((b"", b"", b"", bytes(1), bytes(512), b"x", gzip.compress(b""), gzip.compress(ZEROS * 2)))
    body = raw[10:]
    if source.random() < 0.1:
        body = body[:-8] + source.choice((bytes(8), body[-8:-4] + bytes(4)))
    return f"gzip {front[:4].hex()} {middle[:20]!r} {after[:10]!r}", front + middle + body + after


MUTATIONS: tuple[Callable[[Random], tuple[str, bytes]], ...] = (
    *(number, number, number, magic, kind, name, name, name, owner_name, leading, time_and_owner, pax_key, pax_form),
    *(gnu_form, link, link, twice, mode, ending, checksum, gzip_header),
)


def mutated(source: Random) -> tuple[str, bytes]:
    """What is odd about it, and an sdist."""
    return source.choice(MUTATIONS)(source)
