"""The application for mod_wsgi, gunicorn and other WSGI servers, by the configuration that is found."""

from __future__ import annotations

import os

from eggwatch.config.loading import find
from eggwatch.webserver.app import Application
from eggwatch.webserver.doors import doors_of
from eggwatch.webserver.listening import LOOPBACK


def from_configuration() -> Application:
    """The pages and upload doors of all indexes; $EGGWATCH_CONFIG names another configuration than the usual ones.

    Who may upload without a login is decided by where each request comes from. Raises EggwatchError.
    """
    config = find(None, environment=os.environ, needed=("public",))
    return Application(config.trees(), doors_of(config, LOOPBACK))
