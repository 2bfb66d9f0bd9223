# `make help` lists the targets. Each target sets up what it needs; the second time, set-up needs no network.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Many container images set this variable. Each process then compiles every module that it imports, which takes seconds.
unexport PYTHONDONTWRITEBYTECODE
SAM := SAM_CLI_TELEMETRY=0 PYTHON="$(CURDIR)/$(BIN)/python" WHEELHOUSE="$(CURDIR)/.tools/wheelhouse" .tools/sam/bin/sam

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^# ---- / { printf "\n%s\n", substr($$0, 8) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- Try it on your machine (no AWS account)

.PHONY: demo
demo: setup-demo ## Run a short demo of the whole stack: schedule events create a chat for a company, then mute it
	@$(BIN)/python -m local.demo

.PHONY: dev
dev: setup-demo ## Run the whole stack locally until you press Ctrl-C: API on http://127.0.0.1:3000 (PORT=…, KEEP=1 keeps the data, KEYS=forbidden)
	@exec $(BIN)/python -m local.dev $(if $(PORT),--port "$(PORT)") $(if $(WHOP_PORT),--whop-port "$(WHOP_PORT)") $(if $(KODEY_PORT),--kodey-port "$(KODEY_PORT)") $(if $(RECEIVER_PORT),--receiver-port "$(RECEIVER_PORT)") $(if $(KEEP),--keep) $(if $(KEYS),--keys "$(KEYS)")

.PHONY: sam-local
sam-local: setup ## Run the function for schedules once in a container (`sam local invoke`)
	@$(BIN)/python -m local.sam_local invoke

.PHONY: sam-local-api
sam-local-api: setup ## Run the HTTP API in a container until you press Ctrl-C (`sam local start-api`, PORT=…)
	@exec $(BIN)/python -m local.sam_local api $(if $(PORT),--port "$(PORT)")

# ---- Change it

.PHONY: setup
setup: ## Install everything into the project folder (the other targets do this automatically)
	@$(PYTHON) local/setup.py

.PHONY: setup-demo
setup-demo:
	@$(PYTHON) local/setup.py demo

.PHONY: format
format: setup ## Format the code
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

.PHONY: lint
lint: setup ## Check format, style, types, imports, language and the template
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m local.language
	$(SAM) validate --lint --region eu-west-1

.PHONY: test
test: setup ## Run all tests that need no AWS account, with coverage (without those of `make judges`)
	@# Compile once. Otherwise each process of the first run compiles all modules that it imports, which takes two minutes.
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib .tools/cloud/lib .tools/runtime/lib
	$(BIN)/pytest --ignore tests/judges -n auto --dist worksteal --cov --cov-report=term-missing:skip-covered

.PHONY: test-unit
test-unit: setup ## Run the unit tests only (no database, no network)
	$(BIN)/pytest tests/unit -n logical --dist worksteal

.PHONY: judges
judges: setup ## Compare OpenAPI, schedules and webhooks with tools by others (some from npm)
	@$(BIN)/python -m local.judges
	$(BIN)/pytest tests/judges -n logical --dist worksteal

.PHONY: docs
docs: setup ## Build the documentation site into .local/site (fails on a broken link)
	@$(BIN)/python -m local.docs

.PHONY: check
check: lint judges test ## Run everything that CI runs

.PHONY: generate
generate: setup ## Write the files that are made from code: the OpenAPI document, the types and the reference of `aichats`
	@$(BIN)/python -m local.generate

.PHONY: console
console: setup ## Check and build the console, the page at /console, after a change in console/ (needs npm)
	@$(BIN)/python -m local.build_console

.PHONY: lock
lock: setup ## Pin the newest allowed versions of all dependencies, with hashes
	@$(BIN)/python -m local.lock

BENCHMARKS := cold_start fan_out writes webhooks lookup sweep scale cost cli_start console

.PHONY: benchmark
benchmark: setup ## Measure cold start, fan-out, writes, webhooks, look-ups, sweeps, growth, costs, the command and the console
	@missed=; for name in $(BENCHMARKS); do \
	  $(BIN)/python -m benchmarks.$$name || { [ $$? -ne 130 ] || exit 130; missed="$$missed $$name"; }; \
	done; [ -z "$$missed" ] || { echo "benchmark: a limit was missed or a measurement failed:$$missed" >&2; exit 1; }

.PHONY: chaos
chaos: setup ## Start 2,500 runs with many faults at once, and check that no chat and no event is lost
	@$(BIN)/python -m benchmarks.chaos
	@$(BIN)/python -m benchmarks.chaos --provider kodey --runs 500
	@$(BIN)/python -m benchmarks.events

.PHONY: clean
clean: ## Delete everything that was built and installed, but not the data of KEEP=1 in .local/kept
	[ ! -d .local ] || find .local -mindepth 1 -maxdepth 1 ! -name kept -exec rm -rf {} +
	rm -rf .aws-sam .tools .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache .coverage* htmlcov

# ---- Deploy and operate it

.PHONY: build
build: setup ## Build the functions and the layer (`sam build`)
	$(SAM) build

# The shell reads PARAMETERS from its environment, because make would paste the quotes of a value into the command.
.PHONY: deploy
deploy: build ## Deploy to your AWS account (ENV=staging|prod PARAMETERS="AlarmEmail=you@example.com")
	@$(BIN)/python -m local.deploy $(if $(ENV),--env "$(ENV)") $(if $(PARAMETERS),--parameters "$$PARAMETERS") $(if $(TABLES),--tables "$(TABLES)")

.PHONY: env-vars
env-vars: setup-demo ## Write env.json, so that `sam local` uses the resources of a deployed stack (STACK=…)
	@$(BIN)/python -m local.env_vars --stack "$(STACK)"

.PHONY: e2e
e2e: setup ## Run the tests against a deployed stack (STACK=…)
	@test -n "$(STACK)" || { echo "e2e: name the stack: make e2e STACK=aichats-dev" >&2; exit 2; }
	AWS_SAM_STACK_NAME="$(STACK)" $(BIN)/pytest tests/e2e/test_deployed.py
