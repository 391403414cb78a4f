# Every target makes the environment when it is missing or stale.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export OMP_NUM_THREADS ?= 1
export DO_NOT_TRACK := true

.PHONY: run ui test test-all lint bench environment clean
run: environment
	$(BIN)/ml-assets demo

ui: environment
	$(BIN)/ml-assets ui

test: environment
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-all: environment
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: environment
	$(BIN)/python -m benchmarks

environment: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed; install Python 3.11 or say PYTHON=…" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) .ml_assets
