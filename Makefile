# The front door. Variables: ENV=dev (stack environment), LAB_PORT=4566 (remembered by make up), ENGINE=docker|host, PYTHON=/path/to/python3.13,
# FETCH_PYTHON=1 (fetch a Python 3.13 into .lab), OFFLINE=FILE (of make bundle)
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Many images say that no bytecode be kept: each program would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
export LAB_PORT
export ANOTHER
export ENV ?= dev
export ENGINE
export PYTHON
export FETCH_PYTHON
export OFFLINE
export BUNDLE
lab := .lab/bin/lab
pytest := .lab/env/lab/bin/python -m pytest
# several processes (WORKERS=0: none), files kept together; each has an engine and a deployment where its tests need one
side_by_side = -n $(or $(WORKERS),$(1),2) --dist loadfile
# without a plugin whose import takes half a second in each process, and which one test of tests/integration needs
light := -p no:schemathesis
node := .lab/env/node/bin/node

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Start
.PHONY: setup bundle
setup: ## Make or refresh .lab/env (FETCH_PYTHON=1, OFFLINE=FILE)
	@lab/setup.sh
bundle: setup ## Write what make setup needs to lab-bundle.tar, for no network
	@lab/bundle.sh

.PHONY: up down status doctor probe
up: setup ## Start the engine (ENGINE=docker|host forces one)
	@$(lab) up
down: setup ## Stop the engine and remove its files
	@$(lab) down
status: setup ## Show what runs and what is deployed
	@$(lab) status
doctor: ## Show what the lab finds on this machine, and the fixes
	@lab/doctor.sh

probe: setup ## Compare what the engine answers with what AWS documents
	@$(lab) probe

.PHONY: deploy-local demo
deploy-local: setup ## Deploy the four stacks to the engine and run the smoke checks
	@$(lab) deploy
demo: setup ## From nothing to a finished story, with a report
	@$(lab) demo

##@ Break
.PHONY: scenario scenarios steady
scenario: setup ## Run one: make scenario NAME=poison-payload, or list them
	@$(lab) scenario $(if $(NAME),run $(NAME),list)
scenarios: setup ## Run all scenarios; the list of runs is .lab/reports/index.html
	@$(lab) scenario run --all
steady: setup ## Bring the steady state back, whatever happened
	@$(lab) steady

##@ Watch
.PHONY: console
console: setup ## Watch, break and repair in a browser (CONSOLE_PORT=8090)
	@$(lab) console $(if $(OPEN),--open)

##@ Repair
.PHONY: dlq-ls dlq-stats dlq-redrive dlq-export
dlq-ls: setup ## List dead letters; more: lab dlq --help
	@$(lab) dlq ls
dlq-stats: setup ## Count dead letters by cause of death
	@$(lab) dlq stats
dlq-redrive: setup ## Move dead letters back to the queue: plan, canaries, ramp
	@$(lab) dlq redrive
dlq-export: setup ## Write dead letters to dlq.jsonl; nothing is removed
	@$(lab) dlq export dlq.jsonl

##@ Load
.PHONY: load load-headless
SHAPE ?= steady
load: setup ## Drive load: Locust's web UI at 127.0.0.1:8089
	@$(lab) load $(SHAPE)
load-headless: setup ## End with a verdict: SHAPE=steady|spike|ramp|soak|models...
	@$(lab) load $(SHAPE) --headless

##@ AWS
.PHONY: synth diff deploy-aws destroy-aws bootstrap-aws
# CONTEXT="key=value ..." gives settings. ACCOUNT=... names the account that is meant, YES=1 answers the question with it;
# both count only if they are typed with the command, not if they lie about in the environment.
settings = $(foreach one,$(CONTEXT),-c $(one))
typed = $(if $(filter command,$(origin $(1))),$(2))
account = $(call typed,ACCOUNT,--account $(ACCOUNT))
consent = $(account) $(call typed,YES,$(if $(filter 1,$(YES)),--yes))
synth: setup ## Write the templates for AWS to .lab/cdk.aws; no credentials
	@$(lab) aws synth $(settings)
diff: setup ## Show what deploy-aws would change (ENV=, CONTEXT=)
	@$(lab) aws diff $(settings) $(account)
deploy-aws: setup ## Deploy to your AWS account: shows it, and asks (ENV=, CONTEXT=)
	@$(lab) aws deploy $(settings) $(consent)
destroy-aws: setup ## Delete an environment from your AWS account: asks (ENV=)
	@$(lab) aws destroy $(consent)
bootstrap-aws: setup ## Prepare an AWS account and region for CDK, once: asks
	@$(lab) aws bootstrap $(consent)

##@ Develop
.PHONY: test lint types unit infra-test engine-test engines integration
test: setup ## lint to integration, below, side by side, and their times
	@.lab/env/lab/bin/python -m tests.lanes

lint: setup ## ruff; the CI workflow against its schema and zizmor's rules
	@.lab/env/lab/bin/ruff check .
	@.lab/env/lab/bin/ruff format --check .
	@.lab/env/lab/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.lab/env/lab/bin/zizmor --quiet --offline --no-progress .github/workflows
types: setup ## pyright: strict on lab, functions and infra
	@$(node) infra/node_modules/pyright/index.js
	@$(node) infra/node_modules/pyright/index.js -p emulator
unit: setup ## Rules, without an engine
	@$(pytest) $(light) $(side_by_side) tests/unit -m "not page"
infra-test: setup ## The synthesized templates
	@$(pytest) $(light) $(side_by_side) tests/infra
engine-test: setup ## What the engine promises, through boto3
	@$(pytest) $(side_by_side) -c emulator/pyproject.toml emulator/tests -m "not long and not page"
engines: setup ## Host engines' starts and ends, and the challenges
	@$(pytest) $(light) $(call side_by_side,0) tests/engines tests/challenge -m "not long and not page"
integration: setup ## The deployed pipeline
	@$(pytest) $(side_by_side) tests/integration -m "not long and not page"
.PHONY: test-long
test-long: setup ## Outages, kills, scenarios, puzzles, runbooks, fuzzing: minutes
	@$(pytest) -c emulator/pyproject.toml emulator/tests -m long
	@$(pytest) tests/engines tests/integration tests/challenge tests/torture -m long
.PHONY: test-torture
test-torture: setup ## Kills and races at random: TORTURE_SEED=, TORTURE_SECONDS=600
	@LAB_TORTURE_SECONDS=$(or $(TORTURE_SECONDS),600) LAB_TORTURE_SEED=$(TORTURE_SEED) $(pytest) -s tests/torture
.PHONY: test-recorded
test-recorded: setup ## Tests recorded on AWS: SUITES=folder AREAS= AGAINST=stock
	@PYTHONPATH=emulator:emulator/tests .lab/env/lab/bin/python -m recorded "$(or $(SUITES),suites)" \
	  $(if $(AGAINST),--against $(AGAINST)) $(if $(AREAS),--areas $(AREAS))
.PHONY: test-pages
test-pages: setup ## The pages in a browser (needs Chromium or Chrome)
	@$(pytest) -c emulator/pyproject.toml emulator/tests -m page
	@$(pytest) tests/unit tests/integration -m page

.PHONY: test-setup
test-setup: setup ## Setup on other machines: old Python, proxies, offline (root)
	@$(pytest) tests/setup
.PHONY: test-docker images-offline
test-docker: setup ## Engine and pipeline in containers (needs Docker)
	@$(pytest) tests/docker
images-offline: setup ## Build stand-ins for the official images (Debian, root)
	@emulator/offline/build.sh

.PHONY: bench benchmark openapi
bench: setup ## Every benchmark on the running host engine: .lab/bench.md
	@.lab/env/lab/bin/python -m loadtests.benchmarks.bench
benchmark: setup ## Calls, rates and processor time against a plain baseline
	@.lab/env/lab/bin/python -m loadtests.benchmarks
openapi: setup ## Write the API's OpenAPI document again from the routes
	@$(lab) openapi

.PHONY: audit cost
audit: setup ## Look for known weaknesses in code and dependencies
	@$(lab) audit
cost: setup ## What the last run would cost on AWS; more: lab cost --help
	@$(lab) cost

.PHONY: format lock lock-check clean
format: setup ## Let ruff rewrite the code
	@.lab/env/lab/bin/ruff check --fix .
	@.lab/env/lab/bin/ruff format .
lock: setup ## Write the lock files again from the *.in files
	@for name in requirements/functions $(filter-out requirements/functions,$(basename $(wildcard requirements/*.in emulator/requirements/*.in))); do \
	  .lab/env/uv/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes \
	    --no-emit-index-url --no-header --output-file $$name.txt $$name.in || exit 1; done
lock-check: setup ## Are there wheels for Linux and macOS, on x86-64 and arm64?
	@requirements/check_platforms.sh
# The environments first lose their name: of what an interrupted removal leaves, uv would believe that all of it is there.
clean: ## Stop the engine, remove what the lab made; asks about reports
	@if [ -f .lab/env/stamp ]; then $(lab) down; elif [ -d .lab/engine ]; then $(MAKE) --no-print-directory down; fi
	@rm -rf .lab/engine .lab/removed infra/node_modules; [ ! -d .lab/env ] || mv .lab/env .lab/removed
	@if [ -d .lab ]; then find .lab -mindepth 1 -maxdepth 1 ! -name reports ! -name progress -exec rm -rf {} +; fi
	@if [ -d .lab/reports ]; then \
	  if [ -t 0 ]; then read -r -p "Delete the reports of $$(ls .lab/reports | wc -l) runs, too? [y/N] " answer; fi; \
	  case "$$answer" in [yY]*) rm -rf .lab/reports ;; *) echo "kept: .lab/reports" ;; esac; \
	fi
	@rmdir .lab 2>/dev/null || [ ! -d .lab/progress ] || echo "kept: .lab/progress"
