#!/bin/sh
# Checks what no test runs: Dockerfile, GitHub workflows, dependabot, issue forms, citation, shell scripts. The tools
# are 100 MB and in a virtual environment of their own (build/lint_files), so that `make setup` stays small.
#   PYTHON  interpreter to use (default: python3)
#
# To raise a version: change tools/lint_files.in, then
#   uv pip compile tools/lint_files.in --universal --python-version 3.11 --generate-hashes -o tools/lint_files.lock
set -eu
cd "$(dirname "$0")/.."

tools=build/lint_files
wanted=$(sha256sum <tools/lint_files.lock)
if [ "$(cat "$tools/stamp" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$tools"
    "${PYTHON:-python3}" -m venv "$tools"
    "$tools/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes \
        --requirement tools/lint_files.lock
    printf '%s\n' "$wanted" >"$tools/stamp"
fi

schema() {
    name=$1
    shift
    "$tools/bin/check-jsonschema" --quiet --builtin-schema "vendor.$name" "$@"
}

"$tools/bin/hadolint" Dockerfile
"$tools/bin/shellcheck" .ci/run tools/*.sh tests/cluster/*.sh
"$tools/bin/zizmor" --quiet --offline .github
schema github-workflows .github/workflows/*.yml
schema dependabot .github/dependabot.yml
schema github-issue-config .github/ISSUE_TEMPLATE/config.yml
for form in .github/ISSUE_TEMPLATE/*.yml; do
    case $form in */config.yml) ;; *) schema github-issue-forms "$form" ;; esac
done
schema citation-file-format CITATION.cff
