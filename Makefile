# Every target makes the environment when it is missing or stale.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VENV_EXTRAS ?= .venv-extras
STAMP_EXTRAS := $(VENV_EXTRAS)/.installed
STAMP_DOCS := $(VENV)/.installed-docs
# Each file in one process, for its fixtures, and in the order of the folders: xdist would begin with the files of most
# tests, and leave the longest walks to one core at the end. Temporary files of tests lie in memory where it has room, or in
# TMPDIR: on a disk SQLite would wait at each transaction.
TWO := -n 2 --dist loadfile --no-loadscope-reorder
PYTEST := $(BIN)/python -m pytest $(TWO)
export OMP_NUM_THREADS ?= 1
export DO_NOT_TRACK := true
# Modules are kept compiled, whatever the environment says: each of hundreds of processes would compile them anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run ui test test-all test-extras lint bench docs environment clean
run: environment
	$(BIN)/ml-assets demo

ui: environment
	$(BIN)/ml-assets ui

test: environment
	$(PYTEST) -m "not slow and not extras"

# Everything, the slow ones too: with the extras' an hour or two.
test-all: environment $(STAMP_EXTRAS)
	$(PYTEST) -m "not extras"
	$(VENV_EXTRAS)/bin/python -m pytest $(TWO) -m extras

# What optional libraries need, in an environment of their own beside the first.
test-extras: $(STAMP_EXTRAS)
	$(VENV_EXTRAS)/bin/python -m pytest $(TWO) -m "extras and not slow"

lint: environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: environment
	$(BIN)/python -m benchmarks

# The site of docs/, which fails where a link leads nowhere: build/site/index.html
docs: $(STAMP_DOCS)
	rm -rf build/site
	$(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning --keep-going --jobs 2 --doctree-dir build/doctrees docs build/site

environment: $(STAMP)

$(STAMP): EXTRAS = dev
$(STAMP_EXTRAS): EXTRAS = dev,feast,libraries,networks,keras,recommend,uplift,flaml,hyperopt,dask,onnx,wandb,bigquery,snowflake,stores,browser,fuzz,docs
$(STAMP_DOCS): EXTRAS = docs
$(STAMP_DOCS): $(STAMP)
# uv would take the build of torch with CUDA, which is gigabytes: what pip has put there already is kept.
$(STAMP_EXTRAS): FIRST = torch==2.13.0

$(STAMP) $(STAMP_EXTRAS) $(STAMP_DOCS): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed; install Python 3.11 or say PYTHON=…" >&2; exit 1; }
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8 $(FIRST)
	$(@D)/bin/uv pip install --quiet --compile-bytecode --python $(@D)/bin/python --constraint constraints.txt --editable ".[$(EXTRAS)]"
	touch $@

clean:
	rm -rf $(VENV) $(VENV_EXTRAS) .ml_assets build
