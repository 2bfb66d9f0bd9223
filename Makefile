# `make help` lists what there is. Every target sets up what it needs; the second time that takes no network.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Many container images set it. Each process then compiles every module that it imports, which takes seconds.
unexport PYTHONDONTWRITEBYTECODE
SAM := SAM_CLI_TELEMETRY=0 PYTHON="$(CURDIR)/$(BIN)/python" WHEELHOUSE="$(CURDIR)/.tools/wheelhouse" .tools/sam/bin/sam

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- try it

.PHONY: demo
demo: setup-demo ## Run the whole stack here: a schedule event creates a chat for a company, another mutes it
	@$(BIN)/python -m local.demo

.PHONY: dev
dev: setup-demo ## The same, but it stays: API on http://127.0.0.1:3000, or PORT=, schedules fire (end it with Ctrl-C)
	@exec $(BIN)/python -m local.dev $(if $(PORT),--port "$(PORT)") $(if $(WHOP_PORT),--whop-port "$(WHOP_PORT)") $(if $(KODEY_PORT),--kodey-port "$(KODEY_PORT)")

.PHONY: sam-local
sam-local: setup ## `sam local invoke` of the schedule's function in a container
	@$(BIN)/python -m local.sam_local invoke

.PHONY: sam-local-api
sam-local-api: setup ## `sam local start-api` on http://127.0.0.1:3000, or PORT= (end it with Ctrl-C)
	@exec $(BIN)/python -m local.sam_local api $(if $(PORT),--port "$(PORT)")

# ---- work on it

.PHONY: setup
setup: ## Environments, SAM CLI, the local cloud and the layer's wheels (the others do it first by themselves)
	@$(PYTHON) local/setup.py

.PHONY: setup-demo
setup-demo:
	@$(PYTHON) local/setup.py demo

.PHONY: format
format: setup ## Put the code into shape
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

.PHONY: lint
lint: setup ## Format, lint, types, imports, template
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m local.language
	$(SAM) validate --lint --region eu-west-1

.PHONY: test
test: setup ## All tests that need no AWS account, except those of `make judges`, with coverage
	@# Compile once. Otherwise each process of the first run compiles what it imports, which takes two minutes.
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib .tools/cloud/lib .tools/runtime/lib
	$(BIN)/pytest --ignore tests/judges -n auto --dist worksteal --cov --cov-report=term-missing:skip-covered

.PHONY: test-unit
test-unit: setup ## The unit tests alone, without coverage: no database, no socket, no function is deployed
	$(BIN)/pytest tests/unit -n logical --dist worksteal

.PHONY: judges
judges: setup ## Compare the OpenAPI document, schedules and webhooks with what other tools say (some are from npm)
	@$(BIN)/python -m local.judges
	$(BIN)/pytest tests/judges -n logical --dist worksteal

.PHONY: check
check: lint judges test ## All that CI runs

.PHONY: lock
lock: setup ## Pin the newest allowed versions of everything, with hashes
	@$(BIN)/python -m local.lock

.PHONY: benchmark
benchmark: setup ## Cold start and fan-out, side by side with what one would pick instead; writes; webhooks; look-ups
	@$(BIN)/python -m benchmarks.cold_start
	@$(BIN)/python -m benchmarks.fan_out
	@$(BIN)/python -m benchmarks.writes
	@$(BIN)/python -m benchmarks.webhooks
	@$(BIN)/python -m benchmarks.lookup
	@$(BIN)/python -m benchmarks.sweep

.PHONY: chaos
chaos: setup ## Everything goes wrong at once on the local cloud: 1,500 runs, no duplicate, no loss
	@$(BIN)/python -m benchmarks.chaos
	@$(BIN)/python -m benchmarks.chaos --provider kodey --runs 500

.PHONY: clean
clean: ## Remove what was built and set up
	rm -rf .aws-sam .local .tools .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* htmlcov

# ---- deploy it

.PHONY: build
build: setup ## `sam build`
	$(SAM) build

.PHONY: deploy
deploy: build ## Deploy into your AWS account: make deploy ENV=staging|prod PARAMETERS="AlarmEmail=you@example.com" (both optional)
	@$(BIN)/python -m local.deploy $(if $(ENV),--env "$(ENV)") $(if $(PARAMETERS),--parameters "$(PARAMETERS)") $(if $(TABLES),--tables "$(TABLES)")

.PHONY: secret
secret: setup-demo ## Fill a secret, asking without echo: make secret NAME=whop|kodey|webhook STACK=aichats-dev (COMPANY=biz_... or COMPANIES=file for their own keys)
	@$(BIN)/python -m local.secret --name "$(NAME)" --stack "$(STACK)" $(if $(COMPANY),--company "$(COMPANY)") $(if $(COMPANIES),--companies "$(COMPANIES)") $(if $(REPLACE),--replace)

.PHONY: caller
caller: setup-demo ## A caller's token: make caller STACK=aichats-dev NAME=crm SCOPES=chats:write (LIST=1 lists, ROTATE=1 renews, REVOKE=1 revokes)
	@$(BIN)/python -m local.caller --stack "$(STACK)" $(if $(LIST),list,$(if $(REVOKE),revoke --name "$(NAME)",$(if $(ROTATE),rotate --name "$(NAME)",make --name "$(NAME)" --scopes "$(SCOPES)")))

.PHONY: env-vars
env-vars: setup-demo ## Write env.json, with which `sam local` runs the functions on a stack's resources: make env-vars STACK=aichats-dev
	@$(BIN)/python -m local.env_vars --stack "$(STACK)"

.PHONY: redrive
redrive: setup-demo ## Try dead letters and failed events of schedules again, once the cause is mended: make redrive STACK=aichats-dev
	@$(BIN)/python -m local.redrive --stack "$(STACK)"

.PHONY: e2e
e2e: setup ## Tests against a deployed stack: make e2e STACK=aichats-dev
	@test -n "$(STACK)" || { echo "e2e: name the stack: make e2e STACK=aichats-dev" >&2; exit 2; }
	AWS_SAM_STACK_NAME="$(STACK)" $(BIN)/pytest tests/e2e/test_deployed.py
