# Two commands do everything on a machine with only Python and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETTLED := $(VENV)/.settled

.PHONY: demo test long kills check format lock clean

demo: $(SETTLED)
	$(BIN)/tillhouse demo

# A file of tests a worker: what a file's tests share is made once.
test: $(SETTLED)
	$(BIN)/pytest -n 2 --dist loadfile

# Kills, random histories and whatever else takes a minute and more; CI runs it.
long: $(SETTLED)
	$(BIN)/pytest -n 2 --dist loadfile -m long

# Kills a run at every place that it passes, and runs it again.
kills: $(SETTLED)
	$(BIN)/pytest -m kills tests/kills

check: $(SETTLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	TILLHOUSE_WORK_FILE=$(VENV)/lint.duckdb $(BIN)/sqlfluff lint --disable-progress-bar dbt_project
	$(BIN)/sqlfluff lint --disable-progress-bar --templater raw notebooks/sql

format: $(SETTLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every package at one version with its hash, for each Python and platform: the lock file decides what is installed.
$(SETTLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tillhouse needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	touch $@

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-header \
		--no-emit-index-url --no-annotate pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) data
