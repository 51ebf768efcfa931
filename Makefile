# Every target does its own set-up: `make setup` makes .venv from the lock files.
#
#   TORCH_INDEX   package index that torch comes from, e.g. that of its CPU build (small) or of a CUDA build;
#                 empty: the plain index
#   PYTHON        interpreter, 3.11 or 3.12
#   CORES         CPU cores for `make run` and `make test`
#   ARGS          more words for snakemake or pytest
#   VERBOSE=1     all that Snakemake says, in place of one line for each stage

CORES ?= 2
ARGS ?=
export TORCH_INDEX PYTHON VERBOSE

BIN := .venv/bin

.PHONY: help setup lock site docs run test test-released coverage rehearse test-cluster lint lint-files format gpu-check \
	simulate clean

help:
	@echo "make run           check the published policies here, and a short training; see results/report.html"
	@echo "make test          all tests but the cluster's"
	@echo "make test-released SOURCES=folder   compare with the released programs"
	@echo "make coverage      the same, with the share of lines that they reach"
	@echo "make rehearse      every experiment at toy length, to its report"
	@echo "make test-cluster  tests on a real one-box SLURM (Debian, as root)"
	@echo "make lint          formatting, style, types, workflow"
	@echo "make lint-files    Dockerfile, GitHub workflows, issue forms, citation, shell scripts"
	@echo "make site          the documents as a site, into build/site"
	@echo "make docs          write the generated parts of the documents again (statistics: make simulate)"
	@echo "make format        put formatting right"
	@echo "make gpu-check     correctness and speed on a GPU, into results/benchmark/gpu_check.json"
	@echo "make simulate      how often verdicts are wrong, into results/simulation and docs/statistics.md"
	@echo "make setup         make .venv; the others call it"
	@echo "make lock          write the lock files again, after a change of pyproject.toml or constraints.txt"
	@echo "make clean         remove what is generated, except results"

setup:
	@tools/setup.sh

lock:
	@tools/lock.sh

run: setup
	$(BIN)/snakemake --cores $(CORES) $(ARGS)
	@if [ -z "$(ARGS)" ]; then $(BIN)/python -m paper_tables.report.closing --tables results/tables/smoke \
	--reevaluated results/reevaluated --page results/reports/smoke.html; fi

test: setup
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal $(ARGS)

test-released: setup
	@test -d "$(SOURCES)" || { echo "SOURCES=folder has to name a folder with the released repositories (docs/parity.md)"; exit 2; }
	RECHECK_SOURCES="$(abspath $(SOURCES))" $(BIN)/python -m pytest -m released -rP tests/released $(ARGS)

coverage: setup
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal --cov --cov-report=term $(ARGS)

test-cluster: setup
	tests/cluster/run.sh

# Every experiment file with all its tasks and methods, at toy length, to the report.
rehearse: setup
	folder=$$(mktemp -d) && $(BIN)/python tools/rehearse.py --folder $$folder $(ARGS) && rm -rf $$folder

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/python tools/lint_workflow.py

lint-files:
	@tools/lint_files.sh

# Material's notice about a later MkDocs is not a warning about these documents.
site: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "build/site/index.html"

# Deviations, the picture of the packages, the tables and pictures of the published runs.
docs: setup
	$(BIN)/python -m recheck.methods.deviations
	$(BIN)/python tools/architecture.py --write
	$(BIN)/python tools/how_we_know.py --write
	$(BIN)/snakemake readme --cores $(CORES) -F --config scores=published

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow/rules

gpu-check: setup
	$(BIN)/python -m recheck.methods.benchmark_configs --output results/benchmark/configs.json
	$(BIN)/python -m algos.benchmark.gpu_check --configs results/benchmark/configs.json --output results/benchmark/gpu_check.json

simulate: setup
	$(BIN)/python -m paper_tables.verdicts.simulation --output results/simulation
	$(BIN)/python -m paper_tables.figures.simulation --simulation results/simulation/simulation.csv --output results/simulation
	$(BIN)/python -m paper_tables.publish.readme --tables results/simulation --figures results/simulation docs/statistics.md

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info .snakemake
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
