# What mod_wsgi runs (apache-wsgi.conf).

import os

os.environ.setdefault("EGGWATCH_CONFIG", "/etc/eggwatch/eggwatch.toml")

from eggwatch.webserver import application  # noqa: E402, F401
