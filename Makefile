# Two commands do everything on a machine with only Python and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETTLED := $(VENV)/.settled

DBT := TILLHOUSE_WORK_FILE=$(VENV)/lint.duckdb DO_NOT_TRACK=1 $(BIN)/dbt --quiet
DBT_FOLDERS := --project-dir dbt_project --profiles-dir dbt_project \
	--target-path $(CURDIR)/$(VENV)/dictionary --log-path $(VENV)/dictionary

.PHONY: demo test long kills bench check dictionary format lock clean

demo: $(SETTLED)
	$(BIN)/tillhouse demo

# Which tests share a worker, and so what is made once, is told in tests/conftest.py.
test: $(SETTLED)
	$(BIN)/pytest -n 2

# Kills, random histories and whatever else takes a minute and more. CI, whose own time is limited, says MINUTES:
# the files' order then begins elsewhere each day, and no test is begun later than that.
long: $(SETTLED)
	$(BIN)/pytest -n 2 -m long $(if $(MINUTES),--minutes $(MINUTES) --no-loadscope-reorder -rs)

# Kills a run at every place that it passes, and runs it again.
kills: $(SETTLED)
	$(BIN)/pytest -m kills tests/kills

# CPU seconds of models and nights; writes docs/benchmarks.md and fails where a model grows faster than its sales.
bench: $(SETTLED)
	$(BIN)/python -m tests.benchmarks

check: $(SETTLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	TILLHOUSE_WORK_FILE=$(VENV)/lint.duckdb $(BIN)/sqlfluff lint --disable-progress-bar dbt_project
	$(BIN)/sqlfluff lint --disable-progress-bar --templater raw notebooks/sql
	$(DBT) parse $(DBT_FOLDERS)
	$(BIN)/dbt-bouncer run --config-file dbt_project/dbt-bouncer.yml

# Every mart and column in one page that opens without a server.
dictionary: $(SETTLED)
	$(DBT) docs generate --static --empty-catalog $(DBT_FOLDERS)
	@echo "the data dictionary is $(VENV)/dictionary/static_index.html"

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

# The data directory stays: it may hold a retailer's tokens and history.
clean:
	rm -rf $(VENV)
