#!/usr/bin/env bash
# The tests on a real SLURM, with nothing to prepare: install, start, test, stop. As root on Debian or Ubuntu.
#
#   tests/cluster/run.sh [pytest arguments]
#
# A machine where SLURM cannot run is a failure here; `make test` skips these tests with the reason.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
PYTHON=${PYTHON_OF_TESTS:-.venv/bin/python}
export RECHECK_TEST_CLUSTER=1
export RECHECK_SLURM_DIR=${RECHECK_SLURM_DIR:-/var/tmp/recheck-slurm}

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "run.sh: the tests' SLURM needs root on Debian or Ubuntu" >&2
    exit 1
fi
trap tests/cluster/slurm_down.sh EXIT
if ! timeout 240 tests/cluster/slurm_up.sh; then
    tail -n 20 "$RECHECK_SLURM_DIR"/log/*.log >&2 2>/dev/null
    echo "run.sh: SLURM did not come up" >&2
    exit 1
fi
# shellcheck disable=SC1091
. "$RECHECK_SLURM_DIR/env.sh"
timeout 660 "$PYTHON" -m pytest tests/cluster -m cluster "$@"
