# Everything a developer or a newcomer types. Needs Python 3.11 to 3.13 and make, nothing else.
# Another Python: make install PYTHON=/path/to/python3.12

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast prove soak fuzz truth bench lint format ui bi docs clean lock

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BI_VENV := .venv-bi
BI_STAMP := $(BI_VENV)/.installed
PYTHON ?=
UV ?= $(BIN)/uv
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps
# More for pytest: make test ARGS='-k trips -x'
ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with everything in it, as requirements.lock says

# Up to date until the lock, the project's metadata or the recipe change: then pip is not even started.
# uv comes from the lock too and installs in a third of pip's time; where it does not get through, pip has its own settings.
# Compiled here, since nobody does later where PYTHONDONTWRITEBYTECODE is set: a load would take 1 s more, a build 2 s. And dbt reads
# the project here, once for all warehouses: a first build would take 5 s more.
$(STAMP): requirements.lock pyproject.toml Makefile
	@set -e; \
	python=""; \
	for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	    if $$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	        python=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "error: no suitable Python found (tried: $(or $(PYTHON),python3.13 python3.12 python3.11 python3)); 3.11 to 3.13 with venv is needed, name yours: make install PYTHON=…" >&2; \
	    exit 1; \
	fi; \
	echo "installing into $(VENV) with $$($$python --version) (half a minute to a minute) …"; \
	$$python -m venv --clear $(VENV); \
	awk '/^[a-z]/ {wanted = /^uv==/} wanted' requirements.lock > $(VENV)/uv.lock; \
	$(PIP) --require-hashes -r $(VENV)/uv.lock; \
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock 2>/dev/null \
	    || $(PIP) --require-hashes -r requirements.lock; \
	$(PIP) --no-build-isolation --no-index -e .; \
	$(BIN)/python -P -c 'from velib.building import dbt_process; dbt_process.read_project()'; \
	touch $(STAMP)

demo: install ## a day of a small city: simulated, loaded, built, summed up
	@$(BIN)/velib demo

test: install ## all tests (ARGS='…' goes to pytest)
	@$(BIN)/python -m pytest -n auto --dist load --maxschedchunk 1 $(ARGS)

test-fast: install ## the tests that need no database: under a minute (ARGS as for test)
	@$(BIN)/python -m pytest -n auto tests/unit $(ARGS)

prove: install ## the same files, the same mart: N random cases (2,000), SEED and CASE replay
	@PYTHONPATH=tests $(BIN)/python -m prove --cases $(or $(N),2000) $(if $(SEED),--seed $(SEED)) \
	    $(if $(CASE),--case $(CASE)) $(if $(FIRST),--first $(FIRST))

soak: install ## hours of recordings (ARCHIVE) polled 30 times faster while all fails, then the mart compared; BY=dagster
	@PYTHONPATH=tests $(BIN)/python -m soak $(or $(ARCHIVE),$(error ARCHIVE=folder of recordings)) --by $(or $(BY),poll) $(ARGS)

lint: install ## ruff, mypy, the import rules, sqlfluff
	@$(MAKE) --no-print-directory -j 2 lint-python lint-sql

lint-python:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-sql:
	cd dbt_project && ../$(BIN)/sqlfluff lint --processes 2 models tests

format: install ## ruff's formatting and safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: install ## Dagster's web interface
	@$(BIN)/velib ui

bi: install $(BI_STAMP) ## Apache Superset with five dashboards on the mart, at http://127.0.0.1:8088 (ARGS='--port 8090')
	@$(BIN)/python -m velib.bi $(ARGS)

# Superset's packages and ours exclude each other: an environment of its own. numpy and pandas as it pins them have no wheels for 3.13.
$(BI_STAMP): velib/bi/requirements.lock
	@set -e; \
	python=""; \
	for candidate in $(or $(BI_PYTHON),$(BIN)/python python3.12 python3.11); do \
	    if $$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	        python=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "error: Superset needs Python 3.11 or 3.12, and none was found (tried: $(or $(BI_PYTHON),$(BIN)/python python3.12 python3.11)); name yours: make bi BI_PYTHON=…" >&2; \
	    exit 1; \
	fi; \
	echo "installing Superset into $(BI_VENV) with $$($$python --version) (a minute, 700 MB) …"; \
	$$python -m venv --clear $(BI_VENV); \
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BI_VENV)/bin/python --no-deps --require-hashes -r velib/bi/requirements.lock 2>/dev/null \
	    || $(BI_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r velib/bi/requirements.lock; \
	touch $(BI_STAMP)

fuzz: install ## the readers on N random files each (100,000)
	@FUZZ_EXAMPLES=$(or $(N),100000) $(BIN)/python -m pytest -n auto tests/unit/ingestion/formats/test_fuzz_formats.py $(ARGS)

truth: install ## docs/trips.md anew: a simulated week at 1, 5 and 15 minutes against its truth (ARGS='--days 2')
	@$(BIN)/python -m benchmarks.trips_truth $(ARGS)

bench: install ## speed and size, each figure beside a floor or a peer (SIZE=small|day|week|year, ARGS='--only load,size')
	@$(BIN)/python -m benchmarks.bench --size $(or $(SIZE),small) $(ARGS)

docs: install ## the documentation of every table and column as one page (of VELIB_HOME, else yours, else the demo's)
	@$(BIN)/python -P -m velib.building.docs_command

clean: ## remove .venv, .venv-bi, caches and build products; warehouses (.velib*) stay
	@if [ -x $(BIN)/velib ]; then \
	    $(BIN)/velib db stop; \
	    if [ -d .velib-demo ]; then VELIB_HOME=.velib-demo $(BIN)/velib db stop; fi; \
	fi
	rm -rf $(VENV) $(BI_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf dbt_project/target dbt_project/logs dbt_project/dbt_packages
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: install ## write requirements.lock anew from pyproject.toml, and velib/bi/requirements.lock from velib/bi/requirements.in
	$(UV) pip compile pyproject.toml --extra s3 --group dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command 'make lock' --quiet -o requirements.lock
	$(UV) pip compile velib/bi/requirements.in --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command 'make lock' --quiet -o velib/bi/requirements.lock
