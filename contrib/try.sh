#!/bin/sh
# Sets up what is missing, then runs an index in the foreground until Ctrl-C.
#
#   contrib/try.sh [OPTION of "eggwatch run"]…
#
# All files are in the clone: .venv/, drop/, public/, state/, and dist/ with a sample wheel. You can run it again;
# published files are kept. You can set PORT=8080 and PYTHON=python3.
set -eu
cd "$(dirname "$0")/.."
. contrib/setup-lib.sh

need_python
make_venv .venv "$python" .

can_listen() {
    .venv/bin/python - "$1" <<'END' 2>/dev/null
import socket, sys
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", int(sys.argv[1])))
END
}

case " $*" in
    *" --serve"*) ;;
    *)
        port=${PORT:-8080}
        can_listen "$port" || { say "Port $port is in use; using a free one"; port=0; }
        set -- --serve "$port" "$@"
        ;;
esac

demo=$(.venv/bin/python contrib/demo_wheel.py dist)

sshd_listens() {
    command -v scp >/dev/null && .venv/bin/python - <<'END' 2>/dev/null
import socket
with socket.create_connection(("127.0.0.1", 22), timeout=2) as connection:
    assert connection.recv(4) == b"SSH-"
END
}

# Quote a word for the shell.
quoted() {
    case $1 in
        *[!A-Za-z0-9@%+=:,./_-]*) printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf %s "$1" ;;
    esac
}

# how_to_try COMMAND: prints what to type, from the daemon's own "pip install … PROJECT". With an older scp, a second
# shell on the server parses the folder's name, so scp is used only for names that need no quotes.
how_to_try() {
    copy="cp $demo drop/"
    if [ "$(quoted "$PWD")" = "$PWD" ] && sshd_listens; then copy="scp $demo localhost:$PWD/drop/"; fi
    cat <<END

Try it in a second terminal:
    cd $(quoted "$PWD")
    $copy
    .venv/bin/${1% PROJECT} eggwatch-demo
    .venv/bin/python -m eggwatch_demo
Copy your own wheels and sdists in the same way. For the results, see drop/receipts/ and drop/rejected/.
Ctrl-C stops the daemon; $(quoted "$0") starts it again and keeps what was published.

END
}

# Passes the daemon's log on, and adds instructions when it is ready. It must outlive the daemon, so it ignores Ctrl-C.
# When the terminal is closed, it ends the daemon ($$ is its pid), which would only reload on SIGHUP.
narrate() {
    trap '' INT TERM
    trap 'kill -TERM $$ 2>/dev/null; exit' HUP
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
            "  install with "*) how_to_try "${line#*"install with       "}" ;;
        esac
    done
}

# The daemon replaces this shell, so that it receives signals and its exit status is the script's.
folder=$(mktemp -d)
mkfifo "$folder/log"
(narrate <"$folder/log" >&2 &)
exec 2>"$folder/log"
rm -r "$folder"
exec .venv/bin/eggwatch --drop drop --public public --state state run "$@"
