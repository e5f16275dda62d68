# `make demo` and `make test` need Python 3.11 or later, make and PyPI; each sets up what it needs in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo docs test test-all lint format bench bench-large clean

help:
	@echo "make demo         a sample of dated notes becomes a memory: see what lasts and what fades"
	@echo "make test         the tests, but those that are slow by nature, in four minutes"
	@echo "make test-all     all tests, with coverage"
	@echo "make lint         ruff, mypy, the import contract"
	@echo "make docs         the documentation as a site, in build/site"
	@echo "make format       format the code"
	@echo "make bench        benchmarks of about five minutes"
	@echo "make bench-large  the same at ten million edges; wants 12 GB of memory"
	@echo "make clean        remove .venv and what the tools cached"

demo: $(READY)
	$(BIN)/python scripts/demo.py

# one process a core; who is done takes over from the others
test: $(READY)
	$(BIN)/pytest --numprocesses logical --dist worksteal -m "not slow"

test-all: $(READY)
	$(BIN)/pytest --numprocesses logical --dist worksteal --cov --cov-report=term:skip-covered

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python scripts/build_docs.py

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY)
	$(BIN)/python scripts/bench.py maintenance --edges 1000000 --runs 3
	$(BIN)/python scripts/bench.py recall --edges 1000000
	$(BIN)/python scripts/bench.py remember --edges 1000000
	$(BIN)/python scripts/bench.py load --events 5000000
	$(BIN)/python scripts/bench.py standing
	$(BIN)/python scripts/bench.py ingest
	$(BIN)/python scripts/bench.py document
	$(BIN)/python scripts/bench.py size --edges 1000000
	$(BIN)/python scripts/bench.py words --passages 20000
	$(BIN)/python scripts/bench.py gap
	$(BIN)/python scripts/bench.py loop --passages 10000
	$(BIN)/python scripts/bench.py imports
	$(BIN)/python scripts/bench.py explore

bench-large: $(READY)
	$(BIN)/python scripts/bench.py maintenance --edges 10000000 --runs 3
	$(BIN)/python scripts/bench.py recall --edges 10000000
	$(BIN)/python scripts/bench.py remember --edges 10000000
	$(BIN)/python scripts/bench.py load --events 50000000 --runs 1
	$(BIN)/python scripts/bench.py words --passages 200000
	$(BIN)/python scripts/bench.py scale --passages 1000000

# The stamp is written last: a setup that was interrupted starts again.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is not Python 3.11 or later; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $(READY)

clean:
	rm -rf $(VENV) build dist .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
