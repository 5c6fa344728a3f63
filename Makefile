# Thin targets: what CI and the README call. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
PYTHON := .venv/bin/python
MEMBERS := operator services/contract services/http services/ledger services/queue_server services/payment_server cli dev
STAMP := .venv/.ready
# Integration tests mostly wait, so four files at a time are run on two cores; the tests of a file keep their order, and
# files theirs: sorted by how many tests they have, the slow ones of few tests would come last, one beside idle workers.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- environment ----------------------------------------------------------------------------------------------------

.PHONY: init
init: $(STAMP) ## the Python environment in .venv, as locked

.tools/bin/uv:
	@echo "==> uv $(UV_VERSION)"
	@python3 -m venv .tools 2>/dev/null || { echo "==> python3-venv (Debian package)"; apt-get update -qq && apt-get install -qq -y python3-venv >/dev/null && python3 -m venv .tools; } \
	  || { echo "make: python3 cannot make a virtual environment: install python3-venv, or uv, and try again"; exit 1; }
	@.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml) | $(filter .tools/bin/uv,$(UV))
	@echo "==> Python environment (.venv)"
	@test -x $(PYTHON) || $(UV) venv --quiet --python 3.11 .venv
	@$(UV) pip sync --quiet --python $(PYTHON) --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps $(MEMBERS:%=-e %)
	@touch $@

.PHONY: lock
lock: | $(filter .tools/bin/uv,$(UV)) ## resolve the dependencies anew into requirements.lock
	@$(UV) lock --quiet
	@$(UV) export --quiet --frozen --all-packages --all-groups --no-emit-workspace --no-header --no-annotate -o requirements.lock >/dev/null

# --- quality --------------------------------------------------------------------------------------------------------

# --- running it -----------------------------------------------------------------------------------------------------

.PHONY: dev
dev: init ## the services here with real Redis, Postgres, Kafka; reloads as code changes (ARGS=--fresh begins anew)
	@$(PYTHON) -m ticketon_dev.inner_loop $(ARGS)

.PHONY: check
check: init ## formatting, lint, types, import rules
	@echo "==> ruff"; .venv/bin/ruff format --check --quiet . ; .venv/bin/ruff check --quiet .
	@echo "==> mypy"; .venv/bin/mypy
	@echo "==> import rules"; .venv/bin/lint-imports --no-cache >/dev/null || .venv/bin/lint-imports --no-cache
	@echo "==> workflow"; go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.8

.PHONY: format
format: init ## format and fix what can be fixed
	@.venv/bin/ruff format --quiet . ; .venv/bin/ruff check --fix --quiet .

.PHONY: unit
unit: init ## pure tests only, in seconds
	@.venv/bin/pytest -q -n 2 tests/unit

.PHONY: integration
integration: init ## against real Redis, Postgres and Kafka processes, a file after the other in each of four workers
	@.venv/bin/pytest -q $(SIDE_BY_SIDE) tests/integration

.PHONY: simulation
simulation: init ## payments in virtual time: a share of the schedules, and every named defect
	@.venv/bin/pytest -q -n 2 --dist loadfile tests/simulation

.PHONY: soak
soak: $(addprefix soak-,$(or $(PART),sale line simulation)) ## break the real thing for hours, PART=sale, line or simulation of it: docs/soak.md

.PHONY: soak-sale
soak-sale: init ## sales in which everything breaks, until FAULTS (200), or SEEDS sales, from seed FROM (1)
	@$(PYTHON) -m ticketon_dev.soak sale --faults $(or $(FAULTS),200) $(if $(SEEDS),--seeds $(SEEDS)) --from $(or $(FROM),1)

.PHONY: soak-line
soak-line: init ## JOINS joins (1000000) over servers that are killed and a Redis that fails over, of seed FROM (1)
	@$(PYTHON) -m ticketon_dev.soak line --joins $(or $(JOINS),1000000) --seed $(or $(FROM),1)

.PHONY: soak-simulation
soak-simulation: init ## SEEDS schedules (10000) on JOBS processes (2) from seed FROM (1), then every defect
	@PYTHONPATH=tests $(PYTHON) -m simulation run --seeds $(or $(SEEDS),10000) --jobs $(or $(JOBS),2) --from $(or $(FROM),1)
	@PYTHONPATH=tests $(PYTHON) -m simulation defects --others --most 300

.PHONY: e2e
e2e: up images ## on the real cluster, through the real ingress
	@echo "==> end-to-end tests (about 4 minutes)"; .venv/bin/pytest -q -n 3 tests/e2e

.PHONY: test
test: init ## every test: pure, integration, and on a real cluster
	@echo "==> Redis, Postgres, Kafka and nginx as processes"; $(PYTHON) -m ticketon_dev.stores --ensure; $(PYTHON) -m bench.decision --ensure; $(PYTHON) -m bench.line --ensure
	@echo "==> Chromium"; $(PYTHON) -m ticketon_dev.browser
	@$(MAKE) --no-print-directory programs # before the tests: what they run, helm too, is built once, in sight
	@# In one session, slow files first: what waits and what computes fill each other's gaps.
	@echo "==> integration tests, simulated schedules, rendered files, unit tests (about 6 minutes)"; .venv/bin/pytest -q $(SIDE_BY_SIDE) tests/integration tests/simulation tests/golden tests/unit
	@$(MAKE) --no-print-directory up images
	@echo "==> end-to-end tests (about 4 minutes)"; .venv/bin/pytest -q -n 3 tests/e2e

# --- measurements ----------------------------------------------------------------------------------------------------

.PHONY: bench
bench: bench-decision bench-money bench-line ## every benchmark, one after the other; on a quiet machine

.PHONY: bench-decision
bench-decision: init ## payments by nginx against payments by Kafka, in figures and pictures (ARGS=--quick: only that it works)
	@$(PYTHON) -m bench.decision $(ARGS)

.PHONY: bench-bots
bench-bots: init ## what bots leave to people, defence by defence (ten minutes; ARGS="--runs 1" for a look)
	@echo "==> Redis and Postgres as processes"; $(PYTHON) -m ticketon_dev.stores --ensure
	@$(PYTHON) -m bench.bots $(ARGS)

.PHONY: bench-money
bench-money: init ## the speed of holds and payments, each beside a reference (half an hour; ARGS="holds --runs 5" for a part)
	@$(PYTHON) -m ticketon_dev.stores --ensure
	@$(PYTHON) -m bench.money $(ARGS)

.PHONY: bench-line
bench-line: init ## what waiting costs, each figure beside a reference (half an hour; ARGS="joins polls" for a part)
	@$(PYTHON) -m bench.line $(ARGS)

# --- generated files ------------------------------------------------------------------------------------------------

.PHONY: manifests
manifests: init ## render the CRD, manifests/install.yaml and the drawings of states; CI fails when they are stale
	@$(PYTHON) -m ticketon_dev.rendering
	@$(PYTHON) -m ticketon_dev.state_diagrams

.PHONY: golden
golden: manifests ## write the golden files anew; read the difference before you commit it
	@TICKETON_GOLDEN=write .venv/bin/pytest -q tests/golden

# --- local cluster --------------------------------------------------------------------------------------------------

.PHONY: up
up: init ## a local Kubernetes with ingress controller, Kafka, Redis and Postgres (METRICS=1: metrics-server too)
	@$(PYTHON) -m ticketon_dev.cluster up $(if $(METRICS),--metrics)

.PHONY: programs
programs: init ## build what the local cluster runs, and start nothing
	@$(PYTHON) -m ticketon_dev.cluster programs

.PHONY: images
images: init ## build the images that changed, and load them into the cluster if it is up
	@$(PYTHON) -m ticketon_dev.cluster images

.PHONY: demo
demo: up images ## a show goes on sale on the local cluster, with a crowd, a live table, a report and an audit
	@$(PYTHON) -m ticketon_dev.demo $(ARGS)

.PHONY: down
down: init ## remove the cluster and all it made here (PURGE=volumes: the stores' data too; PURGE=1: everything kept)
	@$(PYTHON) -m ticketon_dev.cluster down $(if $(PURGE),--purge $(if $(filter volumes,$(PURGE)),volumes,all))
