# Visavis: `make demo` and `make test` need Python 3.11 or newer, a package index, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
PORT ?= 8000
SOURCE ?=
JOBS ?= 2
NODE_PACKAGES := gltf-validator@2.0.0-dev.3.10 three@0.187.0

export VISAVIS_SHARED ?= $(wildcard ../shared)

.PHONY: help demo test check bench docs lock clean

help:
	@echo "make demo   a real face is read and the portrait answers; then the live page (SERVE=0: only the files;"
	@echo "            PORT=8000, SOURCE=a video or picture to play where there is no camera)"
	@echo "make test   the whole test suite"
	@echo "make check  formatting, lint and types"
	@echo "make bench  measure the live loop and the renderer"
	@echo "make docs   write docs/cli.md and docs/basis.md anew"
	@echo "make lock   resolve the locked versions of all dependencies anew"

$(VENV)/ready: requirements.lock pyproject.toml tools/system-packages.sh
	@tools/system-packages.sh
	@$(PYTHON) -c 'import sys; sys.exit("Visavis needs Python 3.11 or newer: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

demo: $(VENV)/ready
	$(BIN)/visavis demo --out demo --port $(PORT) $(if $(SOURCE),--source "$(SOURCE)") $(if $(filter 0,$(SERVE)),--no-serve)

test: $(VENV)/ready-dev
	@tools/system-packages.sh --browser
	@# For the tests of the exported glTF; without npm, or out of its reach, they are skipped and say so.
	@command -v npm >/dev/null && npm install --silent --no-save --no-package-lock $(NODE_PACKAGES) >/dev/null 2>&1 || true
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q

check: $(VENV)/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/ready-dev
	$(BIN)/visavis bench --json
	$(BIN)/python benchmarks/render.py

docs: $(VENV)/ready-dev
	$(BIN)/python tools/write_cli_reference.py docs/cli.md
	$(BIN)/python tools/write_basis_table.py docs/basis.md

# Versions only: hashes would tie the lock to the wheels of one platform.
lock: $(VENV)/ready-dev
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-options --no-emit-index-url --no-emit-find-links --no-annotate \
		--no-header --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-options --no-emit-index-url --no-emit-find-links --no-annotate \
		--no-header --extra dev --extra lab --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml
	sed -i 's/^\(torch==[0-9.]*\)+.*/\1/' requirements-dev.lock

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache
