# `make` explains itself. Everything here also works without make: the two commands are
# python3 scripts/demo.py and python3 scripts/test.py.

BIN := .venv/bin
PYTHON := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick lint types kernel bench sample fuzz docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## the environment with everything for development
	@python3 -c 'from scripts.environment import prepare; prepare(("dev", "spark"))'

demo: ## daily statistics of the sample logs
	@python3 scripts/demo.py

test: ## all that must hold before a change is merged
	@python3 scripts/test.py

quick: ## the part of it that fits in a minute
	@python3 scripts/test.py --quick

lint: setup ## tidy the code: format it, fix what can be fixed, say the rest
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

types: setup ## mypy --strict
	@$(PYTHON) -m mypy --strict

kernel: setup ## build the C kernel again
	@$(PYTHON) -m jobs.kernel.build

bench: setup ## the benchmarks against DuckDB, Polars, Spark and plain mrjob (long; quiet machine)
	@$(PYTHON) scripts/benchmark.py

sample: setup ## generate sample_data/ again (same seed, same bytes)
	@$(PYTHON) scripts/generate_sample_data.py --sample

fuzz: setup ## fuzz the kernel under the sanitizers
	@$(PYTHON) scripts/fuzz_kernel.py

docs: setup ## refresh the figures and pictures in README.md and docs/
	@$(PYTHON) -m scripts.pictures.flow
	@$(PYTHON) -m scripts.refresh_docs

clean: ## remove what was built, but not the environments
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	@find jobs scripts tests -name __pycache__ -prune -exec rm -rf {} +
	@find jobs -name '*.so' -delete
