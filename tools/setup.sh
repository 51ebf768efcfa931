#!/bin/sh
# Makes .venv from requirements.lock (versions and hashes) and the pin of torch in constraints.txt, or leaves it
# alone where it is whole and up to date.
#   PYTHON       interpreter to use (default: the first of python3, python3.12, python3.11 that is 3.11 or 3.12)
#   TORCH_INDEX  package index to take torch from, for its CPU or a CUDA build (default: the plain index)
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/recheck-stamp

say() { printf '%s\n' "$*" >&2; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; }

python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3 python3.12 python3.11; do
        if fits "$candidate"; then python=$candidate; break; fi
    done
fi
if [ -z "$python" ]; then
    say "No Python 3.11 or 3.12 is found: install one (Debian, Ubuntu: apt install python3 python3-venv) or give PYTHON=path."
    exit 1
fi
if ! fits "$python"; then
    say "$python is not Python 3.11 or 3.12, which this project needs."
    exit 1
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

wanted=$(cat pyproject.toml constraints.txt requirements.lock - <<END | sha256sum | cut -d ' ' -f 1
$version ${TORCH_INDEX:-}
END
)

# Whole: the stamp is written last, the interpreter starts, and the tools were made for this folder.
whole() {
    [ -f "$stamp" ] &&
        .venv/bin/python -c '
import sys
from importlib.util import find_spec
from pathlib import Path
modules = ("torch", "snakemake", "pytest", "recheck", "algos", "paper_tables")
sys.exit(not (Path(sys.prefix).samefile(".venv") and all(map(find_spec, modules))))' >/dev/null 2>&1 &&
        .venv/bin/snakefmt --version >/dev/null 2>&1
}

if whole; then
    if [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi
    say "The pins have changed: .venv is brought up to date."
    rm -f "$stamp"
else
    if [ -e .venv ]; then say ".venv is broken or half-made: it is made again."; rm -rf .venv; fi
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        say "Python $version lacks the module venv: install the package python$version-venv (apt install python$version-venv)."
        exit 1
    fi
    "$python" -m venv .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

# torch first and without hashes: which build is right (CPU, CUDA) depends on the machine.
torch=$(grep '^torch==' constraints.txt)
if [ -n "${TORCH_INDEX:-}" ]; then
    # Another build of the same version is a change, too.
    pip uninstall --quiet --yes torch >/dev/null 2>&1 || true
    pip install --quiet --index-url "$TORCH_INDEX" --constraint constraints.txt "$torch"
else
    pip install --quiet --constraint constraints.txt "$torch"
fi
# All else by version and hash, then the project itself.
pip install --quiet --no-deps --require-hashes --requirement requirements.lock
pip install --quiet --no-deps --no-build-isolation --editable .
printf '%s\n' "$wanted" >"$stamp"
