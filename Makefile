# The daily words. `make demo` and `make test` set up everything they need in .tools and .venv.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; done)
UV := .tools/bin/uv
BIN := .venv/bin

# Python files are compiled once, also where the environment says never to keep that: tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo screenshots test lint fix bench lock clean

help:
	@echo "make demo    two clouds on this machine share a file and a folder, then stay up for you"
	@echo "make test    all tests, on SQLite and on PostgreSQL"
	@echo "make lint    format, lint, types, import contracts"
	@echo "make fix     repair what the linters can repair"
	@echo "make bench   what we claim about speed, measured"
	@echo "make screenshots   the pictures of the pages in docs/screenshots, taken anew (needs Chromium)"

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(UV) || { $(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet uv; } || \
		{ rm -rf .tools; echo "Could not set up .tools: $(PYTHON) needs its venv and pip modules (Debian: python3-venv)."; exit 1; }
	$(UV) venv --quiet --clear --python $(PYTHON) .venv
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/python -m demo $(ARGS)

screenshots: setup
	@$(BIN)/python -m demo.screenshots

# Much of what servers do for each other is waiting: two more workers than cores. Whoever has done theirs takes over from
# others: the browser's tests, which come first, take the longest.
test: setup
	$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(os.cpu_count() + 2)') --dist worksteal $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config importlinter.ini

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python -m bench $(ARGS)

# After a change of the dependencies in pyproject.toml.
lock: setup
	$(UV) pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --upgrade --quiet -o requirements.lock

clean:
	rm -rf .venv .tools .demo build dist
