# For try.sh and test.sh, which source it with the clone as the working folder: finds a Python, installs missing
# packages, creates virtual environments. POSIX sh; works with dash.

PATH=$PATH:/usr/sbin:/sbin      # where Debian installs servers; only in root's default PATH

say() { printf '* %s\n' "$*" >&2; }
die() { printf 'eggwatch: %s\n' "$*" >&2; exit 2; }

# ---- system packages ------------------------------------------------------------------------------------------------

is_root() { [ "$(id -u)" = 0 ]; }

# Ask only at a terminal, not in CI or in a pipe.
somebody_is_there() { [ -t 0 ] && [ -z "${CI-}" ]; }

as_root() {
    if is_root; then "$@"; elif somebody_is_there; then sudo "$@"; else sudo -n "$@"; fi
}

package_manager() {
    for manager in apt-get dnf; do
        if command -v "$manager" >/dev/null; then echo "$manager"; return; fi
    done
    echo none
}

# pick DEBIAN FEDORA: prints the words for this distribution.
pick() { if [ "$(package_manager)" = dnf ]; then echo "$2"; else echo "$1"; fi; }

# Debian starts services when it installs them, and at every boot. Running tests must not open an sshd or samba, so new
# services are disabled and not started; existing ones are not changed.
apt_script='
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -o DPkg::Lock::Timeout=300 -y -q "$@"; }
there() { [ -e "/lib/systemd/system/$1.service" ]; }
new=
for unit in ssh rsync apache2 nginx caddy smbd nmbd samba-ad-dc; do there $unit || new="$new $unit"; done
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ] && command -v invoke-rc.d >/dev/null; then
    trap "rm -f $policy" EXIT
    trap "exit 130" INT TERM HUP
    printf "#!/bin/sh\nexit 101\n" >$policy
    chmod 755 $policy
fi
ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || get update
get install --no-install-recommends "$@" || { get update && get install --no-install-recommends "$@"; } || exit 1
for unit in $new; do
    if there $unit && command -v systemctl >/dev/null; then systemctl -q disable $unit || true; fi
done
'
# One at a time, because not every release has all of them. Fedora does not start services when it installs them.
dnf_script='
failed=0
for package; do dnf -y -q install "$package" || failed=1; done
exit $failed
'

# install_packages WHY PACKAGE…: returns 1 if the user declines; ends the script if it fails.
install_packages() {
    why=$1; shift
    manager=$(package_manager)
    by_hand="$manager install $*"
    [ "$manager" != none ] || die "$why: this machine has neither apt-get nor dnf. Install it and run this again."
    if ! is_root; then
        command -v sudo >/dev/null || die "$why: some packages are missing, you are not root, and there is no sudo.
  As root, run:   $by_hand
  Then run this again."
        by_hand="sudo $by_hand"
    fi
    if somebody_is_there; then
        printf '%s: some packages are missing.\n    %s\nRun that now? [Y/n] ' "$why" "$by_hand" >&2
        read -r answer || answer=n
        case $answer in [nN]*) return 1 ;; esac
    fi
    say "$why: installing $*"
    if [ "$manager" = dnf ]; then script=$dnf_script; else script=$apt_script; fi
    output=$(mktemp)
    if ! as_root sh -c "$script" "$manager" "$@" >"$output" 2>&1 </dev/null; then
        tail -n 20 "$output" >&2
        rm -f "$output"
        die "$why: the installation failed. Run this yourself, then try again:
  $by_hand"
    fi
    rm -f "$output"
}

# ---- Python ---------------------------------------------------------------------------------------------------------

python_is_new() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
# Debian's python3 can import venv, but lacks ensurepip, which venv needs to install pip.
python_is_whole() { "$1" -c 'import ensurepip, sqlite3, ssl, venv, zlib' 2>/dev/null; }

# find_python new|whole: sets $python to the first one that is.
find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        python=$(command -v "$candidate") || continue
        if python_is_new "$python" && { [ "$1" = new ] || python_is_whole "$python"; }; then
            python=$("$python" -c 'import sys; print(sys.executable)')
            return 0
        fi
    done
    python=
    return 1
}

# Sets $python to a Python 3.11 or newer that can create virtual environments.
need_python() {
    find_python whole && return
    packages=$(pick "python3 python3-venv" "python3 python3-pip")
    if find_python new; then
        case $python in /usr/bin/python3.*) packages=$(pick "${python##*/}-venv" "${python##*/}") ;; esac
    fi
    # shellcheck disable=SC2086  # several words on purpose
    install_packages "Python" $packages || die "nothing was installed. eggwatch needs: $packages"
    find_python whole || die "eggwatch needs Python 3.11 or newer, and the package here is older.
  Install a newer one and name it:   PYTHON=/path/to/python3.12 $0"
}

# ---- virtual environments -------------------------------------------------------------------------------------------

# A hash of the source of an installation. An editable one does not have to be installed again after changes.
fingerprint() {
    case $1 in
        -e*) cat pyproject.toml eggwatch/__init__.py ;;
        *) cat pyproject.toml README.rst; find eggwatch -type f ! -name '*.py[co]' | LC_ALL=C sort | xargs cat ;;
    esac | sha256sum | cut -d ' ' -f 1
}

# make_venv FOLDER PYTHON [-e] WHAT: installs WHAT from this clone into FOLDER. Does nothing if it is up to date.
make_venv() {
    folder=$1 base=$2; shift 2
    place="$PWD/$folder $("$base" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    made_from="$* $(fingerprint "$1")"
    stamp=$folder/made-from
    if [ "$(cat "$stamp" 2>/dev/null)" = "$place
$made_from" ]; then
        return
    fi
    say "Setting up $folder/ with $("$base" -V); the first time takes about half a minute"
    if ! fits "$folder" "$place"; then
        # --without-pip: the pip of the first environment can install into the others, which may lack ensurepip.
        if python_is_whole "$base"; then "$base" -m venv --clear "$folder"; else "$base" -m venv --clear --without-pip "$folder"; fi
    fi
    rm -f "$stamp"
    rm -rf build/lib build/bdist.*      # otherwise setuptools would include modules of an earlier build
    if "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    else
        .venv-test/bin/python -m pip --python "$folder/bin/python" install --quiet --disable-pip-version-check "$@"
    fi
    printf '%s\n%s\n' "$place" "$made_from" >"$stamp"
}

# Does the environment exist, work, and belong to this path? One that the user has created is used, never emptied.
fits() {
    [ -x "$1/bin/python" ] && python_is_new "$1/bin/python" || return 1
    if [ -e "$1/made-from" ]; then [ "$(head -n 1 "$1/made-from")" = "$2" ]
    else "$1/bin/python" -m pip --version >/dev/null 2>&1; fi
}
