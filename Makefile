# `make demo` and `make test` set up the environment .venv with the versions in constraints.txt, and set it up again
# after setup.cfg or constraints.txt have changed. They need Python 3.10 or newer with venv.

PYTHON ?= python3
VENV ?= .venv
# Input of the demo: a NIfTI, NRRD or MHA file or a DICOM folder. If empty, the demo makes phantoms.
CT ?=
# Number of test processes.
JOBS ?= 2

RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow bench lint types docs linkcheck public-names audit clean

help: ## list the commands
	@grep -hE '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z.-]+):.*## /make \1\t/' | expand -t 22

# torch is installed first and alone: as a dependency, pip may choose another build of several gigabytes.
$(INSTALLED): setup.cfg setup.py pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; some minutes) ..."
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(RUN) -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(INSTALLED) ## organ masks and explanations of phantoms in a minute; organ masks of your scans (make demo CT=path)
	$(RUN) -m monai_pylon.workflows.demo --ct "$(CT)" --output demo_output

# mypy and the documentation use one core, so they run beside the tests. What they print is shown only if they fail: the last line
# is that of the tests.
test: $(INSTALLED) lint ## style, types, documentation, tests and docstring examples, without the slow tests
	@log=$$(mktemp); OMP_NUM_THREADS=1 $(MAKE) --no-print-directory types docs > "$$log" 2>&1 & checks=$$!; \
	trap 'kill $$checks 2> /dev/null; rm -f "$$log"' EXIT; trap 'exit 130' INT TERM; \
	$(RUN) -m pytest -n $(JOBS) --dist worksteal --benchmark-disable; tests=$$?; \
	wait $$checks || { cat "$$log"; echo "make types docs failed, see above."; exit 1; }; \
	exit $$tests

test-slow: $(INSTALLED) ## every test, including slow ones and those on real scans (MONAI_PYLON_DATA)
	$(RUN) -m pytest -n $(JOBS) --dist worksteal --benchmark-disable -m "slow or not slow" --ignore tests/benchmarks

bench: $(INSTALLED) ## run the benchmarks
	$(RUN) -m pytest tests/benchmarks -m "slow or not slow"

lint: $(INSTALLED) ## ruff: style and formatting; codespell: typing errors and American spelling
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/codespell

types: $(INSTALLED) ## mypy on the package
	$(VENV)/bin/mypy

docs: $(INSTALLED) ## build the documentation into docs/_build; warnings are errors
	$(VENV)/bin/sphinx-build -q -W --keep-going -b html docs docs/_build
	@echo "Open docs/_build/index.html"

linkcheck: $(INSTALLED) ## check the links to other sites and to other packages' references; needs a network
	MONAI_PYLON_DOCS_ONLINE=1 $(VENV)/bin/sphinx-build -q -W --keep-going -b linkcheck docs docs/_build/linkcheck

public-names: $(INSTALLED) ## update the list of public names after an intended change
	$(RUN) -m tests.house.inventory > tests/house/public_names.txt

lowest.txt: setup.cfg ## write the lower bounds of setup.cfg as pip constraints
	sed -nE 's/^ +([A-Za-z0-9_-]+)>=/\1==/p' $< > $@

$(VENV)/bom/.installed:
	$(PYTHON) -m venv $(VENV)/bom
	$(VENV)/bom/bin/pip install -q cyclonedx-bom pip-audit
	@touch $@

bom.json: $(INSTALLED) $(VENV)/bom/.installed ## write a bill of materials of the environment (CycloneDX 1.6)
	$(VENV)/bom/bin/cyclonedx-py environment $(RUN) -o $@

# --strict: without it, pip-audit succeeds although it could look up nothing.
audit: $(VENV)/bom/.installed ## look for known vulnerabilities of the versions in constraints.txt; needs a network
	@if ! found=$$($(VENV)/bom/bin/pip-audit --strict --progress-spinner off -r constraints.txt --no-deps --disable-pip 2>&1); then \
		case "$$found" in \
		*"Found "*" known "*) echo "$$found"; echo "constraints.txt has versions with known vulnerabilities." ;; \
		*) echo "$$found" | tail -n 1; \
			echo "Nothing was looked up: the audit needs the Python package index, and that it knows all versions. Try again with a network." ;; \
		esac; exit 1; \
	fi; echo "No known vulnerabilities in the versions of constraints.txt."

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist lowest.txt bom.json demo_output docs/_build docs/gallery_built docs/tutorials_built \
		docs/sg_execution_times.rst *.egg-info .pytest_cache .mypy_cache .ruff_cache .benchmarks
	find monai_pylon tests docs -name __pycache__ -prune -exec rm -rf {} +
