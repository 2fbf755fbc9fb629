# What a person or CI runs. Each target sets up what it needs.
STACK ?= dev
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/meshlab
# CLUSTER names a context of your kubeconfig; without it, the embedded cluster. CHARTS names a folder of packed charts.
# NODE=real gives the embedded cluster a node on which pods run, IMAGES names a folder of image archives for it.
NODES = $(if $(NODE),--node '$(NODE)') $(if $(IMAGES),--images '$(IMAGES)')
# Where it is set, as in many images, Python keeps nothing of what it compiles, and compiles it again at each start.
export PYTHONDONTWRITEBYTECODE :=
OPTIONS = --stack $(STACK) $(if $(CLUSTER),--cluster '$(CLUSTER)') $(if $(CHARTS),--charts '$(CHARTS)')

.PHONY: help setup setup-dev lock up preview rehearse doctor recover down drift verify test test-fast lint browser node dashboards reference golden counts bench bench-growth bench-first-run
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

# uv, which takes a tenth of pip's time, comes from the lock by its hash. It does not read pip's settings: pip installs
# where they lead elsewhere, where uv cannot be had, and where it fails.
# Python compiles what is imported, and keeps it: most modules of the packages never are.
PIP = $(VENV)/bin/pip install --quiet --no-compile --require-hashes --requirement
define INSTALL
@echo '$(VENV): installing the packages of $<'
@! $(VENV)/bin/pip config list | grep -E 'index|proxy|client-cert|trusted-host' > /dev/null \
	&& sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt | $(PIP) /dev/stdin \
	&& $(VENV)/bin/uv pip install --quiet --python $(VENV) --require-hashes --requirement $< \
	|| $(PIP) $<
@touch $@
endef

$(VENV)/.locked: requirements-cli.txt | $(VENV)/bin/pip
	$(INSTALL)

$(VENV)/.locked-dev: requirements-dev.txt $(VENV)/.locked
	$(INSTALL)

# Nothing may be missing from the lock: no index is asked.
$(VENV)/.ready: $(VENV)/.locked pyproject.toml
	$(VENV)/bin/pip install --quiet --no-index --no-build-isolation --editable '.[cli]'
	@touch $@

setup: $(VENV)/.ready ## Virtual environment with the command meshlab and everything it needs

setup-dev: $(VENV)/.ready $(VENV)/.locked-dev ## The same, with the tools of the tests and the benches

LOCK = $(VENV)/bin/uv pip compile --quiet --universal --python-version=3.11 --generate-hashes pyproject.toml

lock: $(VENV)/.locked-dev ## Write the lock files from the pins in pyproject.toml
	$(LOCK) --extra=dev --output-file=requirements-dev.txt
	$(LOCK) --constraint=requirements-dev.txt --extra=cli --output-file=requirements-cli.txt
	$(LOCK) --constraint=requirements-dev.txt --output-file=requirements.txt
	$(LOCK) --constraint=requirements-dev.txt --extra=policy --output-file=policy/requirements.txt

# The images of a real node have packages of the tests.
up: $(if $(NODE),setup-dev,setup) ## Bring the stack up (CLUSTER=<context>, KUBERNETES=1.35, STACK=dev, CHARTS=<folder>, NODE=real)
	@$(RUN) up $(OPTIONS) $(if $(KUBERNETES),--kubernetes '$(KUBERNETES)') $(NODES)

preview: setup ## Show what `make up` would change
	@$(RUN) preview $(OPTIONS) $(NODES)

rehearse: setup ## Try the stack on other minors of Kubernetes (KUBERNETES=1.35,1.36, STACK=dev, CHARTS=<folder>)
	@$(RUN) rehearse --stack $(STACK) $(if $(KUBERNETES),--kubernetes '$(KUBERNETES)') $(if $(CHARTS),--charts '$(CHARTS)')

doctor: setup ## Check tools, cluster, rights and state, with a fix for each problem
	@$(RUN) doctor $(OPTIONS)

recover: setup ## Repair the stack after an interrupted run, so that the next `make up` converges
	@$(RUN) recover --stack $(STACK) $(if $(CLUSTER),--cluster '$(CLUSTER)')

drift: setup ## Show changes in the cluster that the stack did not cause (FIX=1 reverts them)
	@$(RUN) drift $(OPTIONS) $(if $(FIX),--fix)

down: setup ## Remove the stack, report what is left, and stop the embedded cluster
	@$(RUN) down $(OPTIONS)

verify: setup ## Check on the cluster, step by step, that the lab works (CLUSTER=<context>, STACK=dev)
	@$(RUN) verify --stack $(STACK) $(if $(CLUSTER),--cluster '$(CLUSTER)')

test: setup-dev lint browser node ## Lint and every tier that this machine can run, with a table at the end
	@$(VENV)/bin/python -m tests.tiers

test-fast: setup-dev ## The tiers unit, golden and proxy
	@$(VENV)/bin/python -m tests.tiers unit golden proxy

lint: setup-dev ## ruff, pyright, spelling, and the prose of the documentation
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/codespell
	@$(VENV)/bin/lint-imports --no-cache
	@$(VENV)/bin/python -m tests.support.prose
	@$(VENV)/bin/pyright --warnings

browser: setup-dev ## A Chromium for the tests of pages, if the machine has no browser
	@$(VENV)/bin/python -m tests.support.chromium

node: setup-dev ## Debian's packages for the tests of the real node, if root runs this
	@$(VENV)/bin/python -m tests.support.node_machine

golden: setup-dev ## Write the golden dumps, the inputs of the package, and the figures of the programs
	@$(VENV)/bin/pytest -q tests/golden --update-golden

reference: setup-dev ## Write docs/reference/ from the code
	@$(VENV)/bin/python -m tests.support.reference

counts: setup-dev ## Count the API requests and chart loads of runs that change nothing
	@$(VENV)/bin/pytest -q tests/engine/test_requests.py --update-golden

dashboards: setup-dev ## Build dashboards/*.json from dashboards/src
	@$(VENV)/bin/python -m dashboards.src

# Where a Pulumi engine or one of the other tools cannot be had, what needs it is left out, and said so.
BENCH = $(VENV)/bin/python -m bench --repeat $(or $(REPEAT),3) $(if $(CHARTS),--charts '$(CHARTS)')

bench: setup-dev ## Measure the program and other tools, and write docs/performance.* (CHARTS=<folder>, REPEAT=3)
	@$(BENCH) program comparison where

bench-growth: setup-dev ## Measure how the costs grow with the lab, and write docs/performance.*
	@$(BENCH) growth

bench-first-run: setup-dev ## Measure a first `make up` from empty caches, and the second (RUNS="registry mirror warm")
	@$(BENCH) first-run $(if $(RUNS),--runs $(RUNS))
