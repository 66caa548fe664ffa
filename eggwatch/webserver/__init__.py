"""HTTP: one WSGI application over the published trees and the upload doors, on waitress or any other WSGI server.

`eggwatch.webserver:application` is that of the configuration, for mod_wsgi and gunicorn.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eggwatch.webserver.app import Application

    application: Application

_once = threading.Lock()


def __getattr__(name: str) -> Application:
    """The application, made when a WSGI server asks for it."""
    if name != "application":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from eggwatch.webserver.wsgi import from_configuration

    with _once:
        if name not in globals():
            globals()[name] = from_configuration()
    made: Application = globals()[name]
    return made
