# Uploads over HTTP by gunicorn 20.1 or newer, in place of 'eggwatch serve' (docs/logins.rst), as root and in an
# environment that has eggwatch and gunicorn:
#
#   gunicorn -c gunicorn.conf.py
#
# It also serves the pages. A web server with HTTPS passes uploads on to it, with the same lines as to 'eggwatch serve'.

wsgi_app = "eggwatch.webserver:application"
raw_env = ["EGGWATCH_CONFIG=/etc/eggwatch/eggwatch.toml"]
bind = "127.0.0.1:8080"

# The account that [index.NAME.uploads] names.
user = group = "eggwatch-http"
initgroups = True

# An upload has a thread until its verdict is known. Processes know nothing of each other's failed logins.
workers = 2
threads = 32
timeout = 120
