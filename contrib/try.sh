#!/bin/sh
# One command to a running index: sets up what is missing, then runs the daemon in the foreground until Ctrl-C.
#
#   contrib/try.sh [OPTION of "eggwatch run"]…
#
# Everything stays in the clone: .venv/, drop/, public/, state/, and dist/ with a wheel to try it with. May be run again:
# what was published is still there. PORT=8080 and PYTHON=python3 may be set.
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
        can_listen "$port" || { say "Port $port can't be had; taking any free one"; port=0; }
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

# A word as a shell reads it.
quoted() {
    case $1 in
        *[!A-Za-z0-9@%+=:,./_-]*) printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf %s "$1" ;;
    esac
}

# how_to_try COMMAND: by the daemon's own "pip install … PROJECT". An older scp has a second shell read the folder's name.
how_to_try() {
    copy="cp $demo drop/"
    if [ "$(quoted "$PWD")" = "$PWD" ] && sshd_listens; then copy="scp $demo localhost:$PWD/drop/"; fi
    cat <<END

Try it in a second terminal:
    cd $(quoted "$PWD")
    $copy
    .venv/bin/${1% PROJECT} eggwatch-demo
    .venv/bin/python -m eggwatch_demo
Your own wheels and sdists go the same way. What became of a file: drop/receipts/ and drop/rejected/.
Ctrl-C ends the daemon; $(quoted "$0") starts it again with all that was published.

END
}

# Passes the daemon's lines on, and adds to what it says when it is ready. It outlives the daemon, so Ctrl-C is not for
# it; when the terminal goes away, so does the daemon ($$ is its pid), for which SIGHUP alone means something else.
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

# The daemon takes this shell's place, so that signals reach it and its exit status is ours.
folder=$(mktemp -d)
mkfifo "$folder/log"
(narrate <"$folder/log" >&2 &)
exec 2>"$folder/log"
rm -r "$folder"
exec .venv/bin/eggwatch --drop drop --public public --state state run "$@"
