# `make demo` and `make test` do all their set-up themselves: they make the environment .venv beside this file with
# the tested versions (constraints.txt) and make it anew whenever those change. Needs Python 3.10+ with venv.

PYTHON ?= python3
VENV ?= .venv
# What to run the demo on: a NIfTI, NRRD or MHA file or a DICOM folder. Empty: a phantom CT made on the spot.
CT ?=
# Processes that share the tests.
JOBS ?= 2

RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow bench lint types docs public-names clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 22

# torch comes first and alone: taken as a dependency, pip may choose another build of several gigabytes.
$(INSTALLED): setup.cfg setup.py pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; some minutes) ..."
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(RUN) -m pip install -q -c constraints.txt -e '.[bundle,dicom,docs,export,parquet,test]'
	@touch $@

demo: $(INSTALLED) ## organ masks of a chest CT (make demo [CT=path]), PYLON and AxialNet on phantoms
	$(RUN) -m monai_pylon.workflows.demo --ct "$(CT)" --output demo_output

test: $(INSTALLED) lint types docs ## everything but the slow tests: style, types, docs, tests, the examples in docstrings
	$(RUN) -m pytest -n $(JOBS) --benchmark-disable

test-slow: $(INSTALLED) ## every test, the slow ones and those on real scans (MONAI_PYLON_DATA) too
	$(RUN) -m pytest -n $(JOBS) --benchmark-disable -m "slow or not slow" --ignore tests/benchmarks

bench: $(INSTALLED) ## time the parts whose speed is promised
	$(RUN) -m pytest tests/benchmarks -m "slow or not slow"

lint: $(INSTALLED) ## ruff: style and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(INSTALLED) ## mypy on the package
	$(VENV)/bin/mypy

docs: $(INSTALLED) ## build the documentation into docs/_build, warnings are errors
	$(VENV)/bin/sphinx-build -q -W --keep-going -b html docs docs/_build
	@echo "The documentation lies in docs/_build/index.html"

public-names: $(INSTALLED) ## write the list of public names anew, after a change that is meant
	$(RUN) -m tests.house.inventory > tests/house/public_names.txt

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist demo_output docs/_build docs/gallery_built docs/sg_execution_times.rst \
		*.egg-info .pytest_cache .mypy_cache .ruff_cache .benchmarks
	find monai_pylon tests docs -name __pycache__ -prune -exec rm -rf {} +
