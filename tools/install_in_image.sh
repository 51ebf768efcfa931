#!/bin/sh
# The steps of Dockerfile and apptainer.def, in the folder of the checkout: what Debian gives, then .venv.
# One script, so that both images hold the same, and so that it can be tried in any Debian as root.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1
apt-get update -qq
# git for the provenance of results; libgomp for torch; make for the targets.
apt-get install -qq --yes --no-install-recommends ca-certificates git libgomp1 make python3 python3-venv
tools/setup.sh
apt-get clean
rm -rf /var/lib/apt/lists/*
.venv/bin/recheck --help >/dev/null
.venv/bin/snakemake --version >/dev/null
