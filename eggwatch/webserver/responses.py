"""Text responses, and the headers of all responses."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from werkzeug.wrappers import Response

from eggwatch.webserver.public_tree import join_path

REVALIDATE = "max-age=0, must-revalidate"
"""For pages: a new upload is visible at once, and an unchanged page costs a 304."""
FOREVER = "max-age=31536000, immutable"
"""For archives and their metadata: a filename is never reused for other bytes (law 5)."""
NOT_STORED = "no-store"
"""For errors: a missing file may be published a second later."""

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    # Styles and scripts are files in static/; nothing is inline or loaded from elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}

TEXT = "text/plain; charset=utf-8"


def refusal(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A short plain text with an error."""
    described = {"Content-Type": TEXT, "Cache-Control": NOT_STORED, **SECURITY, **(headers or {})}
    return response(status, described, f"{int(status)} {status.phrase}\n{message}\n".encode())


def told(text: str) -> Response:
    """A plain text."""
    described = {"Content-Type": TEXT, "Cache-Control": REVALIDATE, **SECURITY}
    return response(HTTPStatus.OK, described, text.encode())


def response(status: HTTPStatus, headers: Mapping[str, str], text: bytes = b"") -> Response:
    """A response with these headers."""
    response = Response(text, status=f"{int(status)} {status.phrase}")
    response.headers.update(headers)  # after the text, which sets a length of its own: HEAD tells that of GET
    response.autocorrect_location_header = False
    return response


def overview(names: Iterable[str]) -> Response:
    """The page that links several indexes."""
    items = "".join(
        f'<li><a href="{html.escape(join_path((name, "")))}">{html.escape(name)}</a></li>\n' for name in names
    )
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<title>Package indexes</title>\n'
        f"</head>\n<body>\n<main>\n<h1>Package indexes</h1>\n<ul>\n{items}</ul>\n</main>\n</body>\n</html>\n"
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": REVALIDATE, **SECURITY}
    return response(HTTPStatus.OK, headers, page.encode())
