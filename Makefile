# The front door: `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(BIN)/uv pip compile --universal --quiet --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
SERVE_OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help serve test check bench format lock schema clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

serve: $(VENV)/.serve ## serve http://127.0.0.1:8000 (SERVE_OPTIONS="--port 9000")
	@exec $(BIN)/llmring-server $(SERVE_OPTIONS)

test: $(VENV)/.dev ## run all tests against a real PostgreSQL
	@$(BIN)/python -m pytest --numprocesses=auto $(TEST_OPTIONS)

check: $(VENV)/.dev ## lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev ## time receipts beside bare Ed25519, messages beside single rows, MCP beside the SDK
	@$(BIN)/python tests/bench/receipts.py
	@$(BIN)/python tests/bench/messages.py
	@$(BIN)/python tests/bench/executions.py

format: $(VENV)/.dev ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(VENV)/.dev ## pin the dependencies anew (asks the package index)
	@$(LOCK) --upgrade --python-version 3.11 pyproject.toml --extra local --group dev -o requirements/dev.txt
	@$(LOCK) --python-version 3.11 pyproject.toml --extra local --group build \
		--constraint requirements/dev.txt -o requirements/serve.txt
	@$(LOCK) --python-version 3.13 requirements/layer.in \
		--constraint requirements/dev.txt -o shared/requirements.txt
	@$(LOCK) --python-version 3.13 infra/layers/mcp/requirements.in \
		--constraint requirements/dev.txt -o infra/layers/mcp/requirements.txt

schema: $(VENV)/.dev ## draw shared/llmring_core/schema.sql anew from the migrations
	@$(BIN)/python -m pytest --quiet tests/storage/test_schema.py --draw-schema

clean: ## remove what was made here; the embedded database stays
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "llmring-server needs Python 3.11 or newer: make PYTHON=/path/to/python3.13 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "This Python cannot make virtual environments (on Debian: apt install python3-venv)." >&2; exit 1; }
	@touch $@

$(VENV)/.serve: $(VENV)/.made requirements/serve.txt pyproject.toml
	@echo "Setting up $(VENV) ..."
	@$(PIP) --require-hashes --no-deps -r requirements/serve.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made requirements/dev.txt pyproject.toml
	@echo "Setting up $(VENV) with the development tools ..."
	@$(PIP) --require-hashes --no-deps -r requirements/dev.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@
