# Every target makes the environment it needs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help quickstart test test-long lint format clean

VENV := .venv
BIN := $(VENV)/bin
# A worker takes whole files, in their order: fixtures of a module are made once, and the slow files come first.
PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
LIMIT ?= 7200
# The first Python that is new enough and starts; `make PYTHON=/path/to/python3.12 ...` chooses another.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

quickstart: $(VENV)/.installed ## classify and search pictures, offline, and write report.html
	@$(BIN)/terralex quickstart --overwrite

test: lint ## linters, strict types, all tests, every README command
	$(PYTEST) -m "not long"

# LIMIT=SECONDS leaves out what has not begun by then.
test-long: $(VENV)/.installed-dev ## what takes long: kills at every step, thousands of drawn inputs, soak tests
	$(PYTEST) -m "long or hypothesis" --hypothesis-profile=long --time-limit $(LIMIT)

lint: $(VENV)/.installed-dev ## linters and strict types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## put the code into the house's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the environment and every cache
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Terralex needs Python 3.11 or newer: none found on the PATH." \
		"Install one, or say where it is: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment." \
		"On Debian and Ubuntu install python3-venv." >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing Terralex into $(VENV). The first time takes some minutes: PyTorch is large."
	@$(BIN)/python -m pip install --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing Terralex and its tools into $(VENV). The first time takes some minutes: PyTorch is large."
	@$(BIN)/python -m pip install --disable-pip-version-check -e ".[app,charts,dev,ray,train]"
	@touch $@ $(VENV)/.installed
