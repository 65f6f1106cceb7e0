# Sourced by ./run: create a virtual environment and keep it up to date. It needs $root and `die` from ./run.

# use_environment NAME LOCK [LOCK ON TOP]: the virtual environment that the commands below work in. What the lock
# on top pins is installed last, without dependencies: a release that the package admits and the lock does not have.
use_environment() {
    venv="$root/$1"
    lock=$2
    on_top=${3:-}
    python="$venv/bin/python"
    stamp="$venv/.scorehouse-stamp"
}

# Print why Python $1 cannot make the environment, or nothing if it can. Runs on any Python 2 or 3.
unfit() {
    "$1" -c '
import sys
found = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    print("is Python %s, too old: 3.11 to 3.14 is needed" % found)
elif sys.version_info >= (3, 15):
    print("is Python %s, too new: dbt-core runs on 3.11 to 3.14" % found)
else:
    try:
        import venv, ensurepip
    except ImportError as error:
        print("is Python %s without its %s module; on Debian or Ubuntu: apt-get install python%s-venv"
              % (found, error.name, found))
' 2>/dev/null || echo "does not run"
}

# Print the Python to use: $PYTHON if set, else the first suitable one on PATH.
find_python() {
    local candidate reason reasons=""
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3.13 python3.12 python3.11 python3.14 python3; fi
    for candidate in "$@"; do
        command -v -- "$candidate" >/dev/null || continue
        reason=$(unfit "$candidate")
        [ -n "$reason" ] || { printf '%s\n' "$candidate"; return 0; }
        reasons="$reasons"$'\n'"  $candidate $reason"
    done
    [ -n "$reasons" ] || reasons=$'\n'"  ${PYTHON:-python3} was not found"
    die "no Python that can make .venv:$reasons"$'\n'"Install Python 3.11 to 3.14, or name one: PYTHON=/path/to/python3.12 ./run ..."
}

# Two lines: the path and the Python of .venv; a digest of what was installed in it.
current_stamp() {
    "$python" - "$lock" $on_top 2>/dev/null <<'PY'
import hashlib, pathlib, platform, sys
print(sys.prefix, platform.python_version())
names = (*sys.argv[1:], "pyproject.toml", *sorted(pathlib.Path("src/scorehouse/program/native").glob("kernel*.[ch]")))
files = b"".join(pathlib.Path(name).read_bytes() for name in names)
print(hashlib.sha256(files).hexdigest())
PY
}

# Whether this machine has a C compiler of its own, so that .venv needs no ziglang, which is half of its files.
has_compiler() {
    # shellcheck disable=SC2086 # CC may hold options
    printf '#include <math.h>\n#include <stdint.h>\n' | ${CC:-cc} -x c -fsyntax-only - 2>/dev/null
}

# `&&`, since bash turns `set -e` off in what stands before `||`. .venv-all, which CI uses and which makes wheels,
# has the compiler that makes every wheel.
install() {
    local without=""
    if [ "$venv" != "$root/.venv-all" ] && has_compiler; then without="--without ziglang"; fi
    # shellcheck disable=SC2086 # none or two words
    rm -f -- "$stamp" && # half-made until the end
        "$python" tools/install.py "$lock" $without &&
        install_on_top &&
        compile_ahead &&
        { editable || { [ -n "$without" ] && "$python" tools/install.py "$lock" && editable; }; } &&
        current_stamp >"$stamp"
}

# shellcheck disable=SC2086 # one lock per word
install_on_top() {
    local each
    for each in $on_top; do "$python" tools/install.py "$each" || return; done
}

# dbt-core 1.11 pins a mashumaro that cannot be imported on Python 3.14: there, 1.12 is put on top.
suit_python() {
    case " $on_top " in *" requirements-dbt112.lock "*) return ;; esac
    ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 14))' 2>/dev/null ||
        on_top="requirements-dbt112.lock $on_top"
}

# The byte code of dbt, on another core while the kernel is built: what installs packages leaves it to the first
# import, which would be that of a command that the user waits for.
compile_ahead() {
    "$python" -c 'import dbt.cli.main, dbt.adapters.duckdb' >/dev/null 2>&1 </dev/null &
}

# This package, with its kernel, where it stands.
editable() {
    "$python" -m pip install --quiet --no-deps --no-build-isolation -e .
}

# Create or update .venv; one that is broken, unfinished or moved is created again.
setup() {
    local have="" want="" base asked=$on_top
    [ ! -f "$stamp" ] || have=$(cat -- "$stamp")
    suit_python
    [ ! -x "$python" ] || want=$(current_stamp) || want=""
    [ -z "$want" ] || [ "$have" != "$want" ] || return 0

    if [ -n "$want" ] && [ "${have%%$'\n'*}" = "${want%%$'\n'*}" ]; then
        echo "updating ${venv##*/}: $lock or pyproject.toml has changed ..." >&2
    else
        base=$(find_python) || exit
        echo "setting up ${venv##*/} with $base: the packages of $lock, a minute or two the first time ..." >&2
        rm -rf -- "$venv"
        "$base" -m venv "$venv" || die "$base could not make ${venv##*/}: the message above says why"
        on_top=$asked
        suit_python
    fi
    install || die "the packages could not be installed in ${venv##*/}: pip's message above says why; the next run starts anew"
}
