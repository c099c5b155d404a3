# The one front door. `make` alone lists what there is; CI runs the same targets.

PORT         ?= 8000
SANDBOX_PORT ?= 8100
DATA         ?= .dev
JOBS         ?= 2
PYTHON       ?= python3
ARGS         ?=

BIN     := .venv/bin
STAMP   := .venv/.stamp
PIP     := $(BIN)/python -m pip --disable-pip-version-check -qq
COMPILE := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
           --no-emit-index-url --no-header --annotation-style line $(ARGS)
OLD     := This project needs Python 3.11 or newer. Name one: make setup PYTHON=python3.12

.DEFAULT_GOAL := help
.PHONY: help setup run test check format lock audit clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make .venv with the locked dependencies and the gateway command

run: setup ## Run the whole product and its sandbox here (PORT=8000 SANDBOX_PORT=8100 DATA=.dev)
	@exec env PORT=$(PORT) SANDBOX_PORT=$(SANDBOX_PORT) DATA=$(DATA) $(BIN)/python -m sandbox

test: setup ## Run every test that needs no browser and no root (JOBS=2, ARGS="-k word")
	@exec $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

check: setup ## Check format, lint, types, layers, contract, house rules, scripts and recipes
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/openapi-spec-validator openapi.yaml
	$(BIN)/python -m pytest tests/architecture
	$(BIN)/shellcheck .ci/run
	$(BIN)/hadolint Dockerfile

format: setup ## Format the code and repair what the linter can repair
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: setup ## Write requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for newer versions)
	$(COMPILE) --group build -o requirements/build.txt
	$(COMPILE) pyproject.toml -c requirements/build.txt -o requirements/run.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt

audit: setup ## Ask for known vulnerabilities in what ships (AUDIT_REQUIRED=1: not being told is a failure)
	@$(BIN)/pip-audit -r requirements/run.txt --require-hashes --disable-pip -f json --progress-spinner off \
		2>/dev/null | $(BIN)/python .ci/audit.py

clean: ## Remove the environment, caches and builds; state in .dev stays
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml requirements/run.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(OLD)")'
	@echo "Installing the locked dependencies into .venv (about a minute the first time) ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@
