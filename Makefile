# mqledger: everything a person or CI does here. Needs Python 3.11+, make and a package index; nothing else.
#
#   make up         the whole product on this machine, until Ctrl-C
#   make test       install and run the whole test suite
#   make check      format, lint, types, import rules
#   make test-fast  the pure tests, in seconds
#   make bench      measure; make fuzz: hostile bytes for ten minutes a codec
#   make docs       generated documents; make lock: newest allowed versions into the locks
#   make install    tools for development into .venv; make clean: remove what was made here (not var/)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that runs, is new enough and can make environments; or name one: make PYTHON=...
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	if $$name -c '$(USABLE)' 2>/dev/null; then echo $$name; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PACKAGES := schemas domain ops ingest projector query_api connector stack mqledger_client
CODE := $(PACKAGES) tests bench tools scripts
FUZZ_SECONDS ?= 600
FUZZ_STRINGS ?= 1000000

# Stamps say what .venv holds: made again when a lock or the project's description changes.
BASE := $(VENV)/.base
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
JARS := $(VENV)/.jars

.PHONY: help up install test test-fast check format format-check lint types imports bench fuzz docs docs-check lock clean

help:
	@sed -n 's/^#   //p' Makefile

up: $(RUNTIME)
	@exec $(BIN)/mqledger up

install: $(DEV) $(JARS)

$(BASE):
	@if ! "$(PYTHON)" -c '$(USABLE)' 2>/dev/null; then \
		echo "mqledger needs Python 3.11 or newer with its modules venv and ensurepip, and found none;" \
			"install it (on Debian: apt-get install python3-venv), or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@echo "making $(VENV) with $$("$(PYTHON)" --version)"
	@[ -x $(BIN)/python ] || "$(PYTHON)" -m venv $(VENV)
	@touch $@

# The build tools are locked too and the project is built with them: nothing unlocked is ever fetched.
$(RUNTIME): $(BASE) requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "installing what mqledger runs on"
	@$(PIP) install --progress-bar on --require-hashes --only-binary :all: -r requirements/build.txt | sed -u '/^Requirement already/d'
	@$(PIP) install --progress-bar on --require-hashes -r requirements/runtime.txt | sed -u '/^Requirement already/d'
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@$(PIP) check
	@touch $@

$(DEV): $(RUNTIME) requirements/dev.txt
	@echo "installing the tools for development"
	@$(PIP) install --progress-bar on --require-hashes -r requirements/dev.txt | sed -u '/^Requirement already/d'
	@$(PIP) check
	@touch $@

$(JARS): $(RUNTIME) requirements/kafka-jars.lock
	@echo "fetching Kafka's jars"
	@$(BIN)/python -m stack.local.jars
	@touch $@

test: install
	@$(BIN)/python -m pytest

test-fast: $(DEV)
	@$(BIN)/python -m pytest -q tests/unit

check: format-check lint types imports docs-check

format: $(DEV)
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

format-check: $(DEV)
	@$(BIN)/ruff format --check $(CODE)

lint: $(DEV)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/yamllint --strict compose.yaml
	@$(BIN)/hadolint Dockerfile

types: $(DEV)
	@$(BIN)/mypy
	@$(BIN)/mypy -p tests -p bench -p tools

imports: $(DEV)
	@$(BIN)/lint-imports

bench: install
	@$(BIN)/python -m bench

fuzz: install
	@$(BIN)/python -m tests.fuzz.mqtt_codec --seconds $(FUZZ_SECONDS)
	@$(BIN)/python -m tests.fuzz.frame_codec --seconds $(FUZZ_SECONDS)
	@$(BIN)/python -m tests.fuzz.socket_fuzz --count $(FUZZ_STRINGS)

docs: $(DEV)
	@$(BIN)/mqledger config docs > docs/configuration.md
	@$(BIN)/python -m schemas.describe > docs/events.md
	@$(BIN)/python -m schemas.jsonschema docs/schemas
	@$(BIN)/python -m tools.diagrams
	@$(BIN)/python -m tools.decisions
	@$(BIN)/python -m tools.client
	@$(BIN)/python -m tools.native_api

# Whether docs/events.md and docs/schemas are current is a unit test.
docs-check: $(DEV)
	@$(BIN)/mqledger config docs | diff -u docs/configuration.md - || { echo "docs/configuration.md is old: run make docs" >&2; exit 1; }
	@$(BIN)/python -m tools.diagrams --check
	@$(BIN)/python -m tools.decisions --check
	@$(BIN)/python -m tools.client --check
	@$(BIN)/python -m tools.native_api --check

UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock: $(DEV)
	@$(UV) --upgrade --output-file requirements/build.txt requirements/build.in
	@$(UV) --upgrade --output-file requirements/services.txt pyproject.toml
	@$(UV) --upgrade --extra local --constraints requirements/services.txt --output-file requirements/runtime.txt pyproject.toml
	@$(UV) --upgrade --extra local --extra dev --constraints requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml
	@$(BIN)/python -m stack.local.jars lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
