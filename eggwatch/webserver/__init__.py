"""One WSGI application for pages and uploads, on waitress or any other WSGI server.

The code calls what accepts the uploads of an index its *upload door*. mod_wsgi and gunicorn load
`eggwatch.webserver:application`, which uses the configuration.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eggwatch.webserver.app import Application

    application: Application

_once = threading.Lock()


def __getattr__(name: str) -> Application:
    """The application, created when a WSGI server loads it."""
    if name != "application":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from eggwatch.webserver.wsgi import from_configuration

    with _once:
        if name not in globals():
            globals()[name] = from_configuration()
    made: Application = globals()[name]
    return made
