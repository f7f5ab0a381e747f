# Each target sets up what it needs, from nothing; the second time that costs nothing.
# PYTHON picks the interpreter the environment is made with: make demo PYTHON=python3.12

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check format bench bench-clients bench-engines bench-gateway \
	docs site compiled test-compiled wheel clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Weigh three tiny real models end to end and write a report
	@$(BIN)/weigh demo

test: $(VENV)/.dev $(VENV)/.chromium $(VENV)/.postgres $(VENV)/.sandbox ## Run the tests
	@$(BIN)/pytest -n 2 --dist loadfile

test-slow: $(VENV)/.dev $(VENV)/.chromium $(VENV)/.postgres $(VENV)/.sandbox ## Run the long tests too
	@$(BIN)/pytest -m ""

check: $(VENV)/.dev ## Format, lint, types, layers, budgets
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/house

format: $(VENV)/.dev ## Format the code and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Run the benchmarks (minutes) and print their tables
	@for script in $(filter-out benchmarks/bench_%,$(wildcard benchmarks/[a-z]*.py)); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

bench-clients: $(VENV)/.dev ## Lay weigh bench beside other load testers (installs 20 GB of them)
	@$(BIN)/python benchmarks/bench_clients.py

bench-engines: $(VENV)/.dev ## Lay weigh bench beside the counters of real engines (installs vLLM for CPUs)
	@$(BIN)/python benchmarks/bench_engines.py

bench-gateway: $(VENV)/.dev ## Lay weigh serve beside other gateways (installs LiteLLM and two routers)
	@$(BIN)/python benchmarks/gateway.py --install

docs: $(VENV)/.dev $(VENV)/.docs ## Write tutorials, schemas and module list anew; the site into dist/docs
	@$(BIN)/python tools/list_modules.py
	@$(BIN)/python tools/make_schema.py
	@$(BIN)/python tools/make_tutorials.py --all
	@$(MAKE) --no-print-directory site

site: $(VENV)/.docs ## Build the site into dist/docs from what is written (seconds)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "Open dist/docs/index.html"

compiled: ## Install with the gateway compiled into .venv-compiled (needs a C compiler)
	@tools/setup.sh venv $(PYTHON) $(VENV)-compiled
	@echo "Compiling the gateway (minutes) ..."
	@WEIGHBRIDGE_COMPILE=1 $(VENV)-compiled/bin/python -m pip install -q --disable-pip-version-check .
	@echo "Serve with $(VENV)-compiled/bin/weigh serve"

test-compiled: $(VENV)/.dev compiled ## Run the gateway's tests on what was compiled
	@PYTHONPATH=$$(echo $(CURDIR)/$(VENV)-compiled/lib/python3*/site-packages) \
		$(BIN)/pytest -n 2 --dist loadfile tests/wire tests/serve

wheel: $(VENV)/.dev ## Build the wheel into dist/
	@$(BIN)/python -m pip -q wheel --no-deps -w dist .

clean: ## Remove the environment and everything built
	rm -rf $(VENV) $(VENV)-compiled dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

# -- set-up -----------------------------------------------------------------------------------

$(VENV)/.base:
	@tools/setup.sh venv $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.base pyproject.toml
	@echo "Installing Weighbridge into $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo pyproject.toml
	@echo "Installing the development tools into $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[demo,postgres,ui-test]' --group dev
	@touch $@

$(VENV)/.docs: $(VENV)/.base pyproject.toml
	@echo "Installing what builds the documentation into $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --group docs
	@touch $@

$(VENV)/.chromium: $(VENV)/.base
	@tools/setup.sh chromium
	@touch $@

$(VENV)/.postgres: $(VENV)/.base
	@tools/setup.sh postgres
	@touch $@

$(VENV)/.sandbox: $(VENV)/.base
	@tools/setup.sh sandbox
	@touch $@
