# The front door: `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(BIN)/uv pip compile --universal --quiet --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
SERVE_OPTIONS ?=

.DEFAULT_GOAL := help
# The Python of Lambda, for what is built for it and run as on it.
LAMBDA_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3.13) $(shell command -v python3.13))
AWS := .venv-aws/bin
SAM := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$(or $(AWS_DEFAULT_REGION),eu-west-1) \
	PATH="$(dir $(LAMBDA_PYTHON)):$(PATH)" PIP_NO_DEPS=1 $(AWS)/sam
ARCHITECTURE ?= arm64
OWN_ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

.PHONY: help serve test test-faults test-schema soak check audit bench bench-parts bench-retention bench-lambda format lock schema clean aws-build aws-check aws-local

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

serve: $(VENV)/.serve ## serve http://127.0.0.1:8000 (SERVE_OPTIONS="--port 9000")
	@exec $(BIN)/llmring-server $(SERVE_OPTIONS)

# The tests of the built functions need the Python of Lambda; without it they are left out.
test: $(VENV)/.dev $(if $(LAMBDA_PYTHON),.aws-sam/.local .venv-lambda/.made) ## run the tests against a real PostgreSQL (test-faults has the rest)
	@$(BIN)/python -m pytest --numprocesses=auto $(TEST_OPTIONS)

test-faults: $(VENV)/.dev ## kill, cut, starve and flood real servers, and count what is lost
	@$(BIN)/python -m pytest --numprocesses=4 --durations=10 $(TEST_OPTIONS) tests/faults

soak: $(VENV)/.dev ## an hour of everything: does the server's memory stay flat? (MINUTES=60)
	@$(BIN)/python tests/faults/soak.py $(or $(MINUTES),60)

test-schema: $(VENV)/.dev ## ask a real server all that its OpenAPI document says (SCHEMA_EXAMPLES=200)
	@$(BIN)/python -m pytest --numprocesses=2 -rP --schema-examples $(or $(SCHEMA_EXAMPLES),20) $(TEST_OPTIONS) tests/openapi

check: $(VENV)/.dev ## lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# It asks the index which of our pinned releases have known faults, so it needs a network.
audit: .venv-audit/.made ## look for known vulnerabilities in what is pinned (asks the package index)
	@for file in requirements/serve.txt shared/requirements.txt infra/layers/mcp/requirements.txt; do \
		echo "$$file"; .venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --requirement $$file || exit 1; done

bench: $(VENV)/.dev ## time everything beside the known server and PostgreSQL's limits (BENCH_OPTIONS="--large")
	@$(BIN)/python tests/bench/load.py $(BENCH_OPTIONS)
	@$(BIN)/python tests/bench/plot.py

bench-parts: $(VENV)/.dev ## time receipts beside bare Ed25519, messages beside single rows, MCP beside the SDK
	@$(BIN)/python tests/bench/receipts.py
	@$(BIN)/python tests/bench/messages.py
	@$(BIN)/python tests/bench/executions.py

bench-retention: $(VENV)/.dev ## time how ten million old calls leave
	@$(BIN)/python tests/bench/retention.py

bench-lambda: $(VENV)/.dev .aws-sam/.local .venv-lambda/.made ## time the built functions beside a bare one
	@$(BIN)/python tests/bench/functions.py

aws-build: .venv-aws/.made ## build what goes to AWS (ARCHITECTURE=x86_64; RELEASE=2 when only parameters changed)
	@$(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)
	@RELEASE="$(RELEASE)" $(LAMBDA_PYTHON) infra/lean.py .aws-sam/build $(ARCHITECTURE)

aws-check: $(VENV)/.dev .venv-aws/.made .aws-sam/.local .venv-lambda/.made ## lint the templates, build, check sizes, bytecode, permissions
	@$(SAM) validate --lint
	@$(AWS)/cfn-lint template.yaml infra/*.yaml
	@AWS_DEFAULT_REGION=eu-west-1 $(AWS)/python infra/check.py
	@$(LAMBDA_PYTHON) infra/lean.py .aws-sam/local $(OWN_ARCHITECTURE)
	@$(BIN)/python -m pytest --quiet tests/house/test_house.py tests/lambda/test_artefacts.py

aws-local: $(VENV)/.dev .aws-sam/.local .venv-lambda/.made ## serve the built functions at http://127.0.0.1:8001
	@$(BIN)/python tests/support/gateway.py $(SERVE_OPTIONS)

# For this machine's own processor, so that it can be run here; apart from what is deployed.
.aws-sam/.local: .venv-aws/.made template.yaml $(shell find functions shared infra -name '*.py' -o -name '*.sql' -o -name '*.txt' -o -name Makefile)
	@$(SAM) build --build-dir .aws-sam/local --parameter-overrides Architecture=$(OWN_ARCHITECTURE) >/dev/null
	@$(LAMBDA_PYTHON) infra/lean.py .aws-sam/local $(OWN_ARCHITECTURE) >/dev/null
	@touch $@

.venv-aws/.made: requirements/aws.txt
	@test -n "$(LAMBDA_PYTHON)" || { echo "This needs Python 3.13, which Lambda runs: make LAMBDA_PYTHON=..." >&2; exit 1; }
	@$(LAMBDA_PYTHON) -m venv .venv-aws
	@$(AWS)/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r $<
	@touch $@

.venv-lambda/.made: requirements/lambda.txt
	@$(LAMBDA_PYTHON) -m venv .venv-lambda
	@.venv-lambda/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r $<
	@touch $@

.venv-audit/.made: requirements/audit.txt $(VENV)/.made
	@$(BIN)/python -m venv .venv-audit
	@.venv-audit/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r $<
	@touch $@

format: $(VENV)/.dev ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(VENV)/.dev ## pin the dependencies anew (asks the package index)
	@$(LOCK) --upgrade --python-version 3.11 pyproject.toml --extra local --group dev -o requirements/dev.txt
	@$(LOCK) --python-version 3.11 pyproject.toml --extra local --group build \
		--constraint requirements/dev.txt -o requirements/serve.txt
	@$(LOCK) --python-version 3.13 requirements/layer.in \
		--constraint requirements/dev.txt -o shared/requirements.txt
	@$(LOCK) --upgrade --python-version 3.13 requirements/aws.in -o requirements/aws.txt
	@$(LOCK) --upgrade --python-version 3.13 requirements/lambda.in -o requirements/lambda.txt
	@$(LOCK) --upgrade --python-version 3.11 requirements/audit.in -o requirements/audit.txt
	@$(LOCK) --python-version 3.13 infra/layers/mcp/requirements.in \
		--constraint requirements/dev.txt -o infra/layers/mcp/requirements.txt

schema: $(VENV)/.dev ## draw shared/llmring_core/schema.sql anew from the migrations
	@$(BIN)/python -m pytest --quiet tests/storage/test_schema.py --draw-schema

clean: ## remove what was made here; the embedded database stays
	@rm -rf $(VENV) .venv-aws .venv-lambda .venv-audit .aws-sam build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis

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
