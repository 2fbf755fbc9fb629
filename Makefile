# What a person or CI runs. Each target sets up what it needs.
STACK ?= dev
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m meshlab
# CLUSTER names a context of your kubeconfig; without it, the embedded cluster. CHARTS names a folder of packed charts.
OPTIONS = --stack $(STACK) $(if $(CLUSTER),--cluster '$(CLUSTER)') $(if $(CHARTS),--charts '$(CHARTS)')

.PHONY: help setup up preview down test test-fast lint dashboards golden
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement requirements-dev.txt
	@touch $@

setup: $(VENV)/.ready ## Virtual environment with everything for the program, its tools and tests

up: setup ## Bring the stack up (CLUSTER=<context>, STACK=dev, CHARTS=<folder>)
	@$(RUN) up $(OPTIONS)

preview: setup ## Show what `make up` would change
	@$(RUN) preview $(OPTIONS)

down: setup ## Remove the stack, and the embedded cluster if it was there
	@$(RUN) down $(OPTIONS)

test: setup lint ## Every tier that this machine can run, and a table of what was skipped and why
	@$(VENV)/bin/python -m tests.tiers

test-fast: setup ## The tiers unit, golden and proxy
	@$(VENV)/bin/python -m tests.tiers unit golden proxy

lint: setup ## ruff and pyright
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/pyright --warnings

golden: setup ## Write the golden dumps anew
	@$(VENV)/bin/pytest -q tests/golden --update-golden

dashboards: setup ## Build dashboards/*.json from dashboards/src
	@$(VENV)/bin/python -m dashboards.src
