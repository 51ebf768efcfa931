#!/bin/sh
# Makes .venv from the lock files (versions and hashes; tools/lock.sh says which is which), or leaves it alone where
# it is whole and up to date.
#   PYTHON       interpreter to use (default: the first of python3, python3.12, python3.11 that is 3.11 or 3.12)
#   TORCH_INDEX  package index to take torch from, for its CPU or a CUDA build (default: the plain index). Hashes are
#                known of the plain index and, on Linux on x86-64, of an index whose address ends with /cpu.
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

wanted=$(cat pyproject.toml constraints.txt requirements*.lock - <<END | sha256sum | cut -d ' ' -f 1
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

locked() { pip install --quiet --no-deps --require-hashes --requirement "$@"; }

say "Installing the packages of the lock files into .venv, with Python $version: some minutes, most of them download."
# Some packages have no wheel. They are built by the setuptools of the lock file, not by the newest one.
tools=$(mktemp)
trap 'rm -f "$tools"' EXIT
awk '/^[A-Za-z0-9]/ { wanted = /^setuptools==/ } wanted' requirements.lock >"$tools"
locked "$tools"
# Where another platform has to build more packages, they bring their own tools.
locked requirements.lock --use-pep517 --no-build-isolation 2>"$tools" || locked requirements.lock --use-pep517
say "Installing torch."
# torch: which build is right (CPU, CUDA) depends on the machine. Another build of the same version is a change, too.
if [ -n "${TORCH_INDEX:-}" ]; then pip uninstall --quiet --yes torch >/dev/null 2>&1 || true; fi
case "$(uname -sm) ${TORCH_INDEX:-}" in
    *" ")
        # A CPU build, where pip's own configuration names a place that has it; else what the plain index has.
        locked requirements-torch-cpu.lock >/dev/null 2>&1 || locked requirements-torch.lock
        ;;
    "Linux x86_64 "*/cpu | "Linux x86_64 "*/cpu/) locked requirements-torch-cpu.lock --index-url "$TORCH_INDEX" ;;
    *)
        say "torch is installed by its version alone: no hashes are known of the builds of $TORCH_INDEX."
        pip install --quiet --index-url "$TORCH_INDEX" --constraint constraints.txt "$(grep '^torch==' constraints.txt)"
        ;;
esac
# What the plain index's torch needs for a GPU; a CPU build needs nothing more, another CUDA build has brought its own.
if pip check 2>&1 | grep -q '^torch .* is not installed'; then locked requirements-cuda.lock; fi
pip install --quiet --no-deps --no-build-isolation --editable .
printf '%s\n' "$wanted" >"$stamp"
say "The set-up is complete."
