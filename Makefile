# make help lists the targets. Everything is installed into .venv, from locked versions, once.

# PYTHON chooses the Python, and the environment with it: .venv may hold another version.
ifdef PYTHON
VERSION := $(shell PYTHON="$(PYTHON)" sh tools/preflight.sh --version)
ifeq ($(VERSION),)
$(error PYTHON=$(PYTHON) cannot be used)
endif
VENV ?= .venv-$(VERSION)
OLDEST ?= .venv-oldest-$(VERSION)
held = $(shell $(1)/bin/python -c "import sys; print('%d.%d' % sys.version_info[:2])" 2>/dev/null)
$(foreach env,$(VENV) $(OLDEST),$(if $(filter-out $(VERSION),$(call held,$(env))),$(error \
  $(env) holds Python $(call held,$(env)), and PYTHON asks for $(VERSION): remove $(env), or name another folder)))
endif
VENV ?= .venv
OLDEST ?= .venv-oldest
ORACLE ?= .venv-oracle
PY = $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

.PHONY: help setup course run notebooks site test test-quick test-short test-oldest lint bench evidence hostile oracle lock clean
.DEFAULT_GOAL := help

help:  ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	@echo
	@echo 'With PYTHON=python3.12, a target uses that Python, in an environment of its own: .venv-3.12.'
	@echo 'Without it, the newest supported Python that is found makes .venv.'

# -- Environments ---------------------------------------------------------------------------------
# A stamp file says that an environment is ready; it is older than the lock after a change.
# An environment without pip (from another tool, or half made) is made anew.

# $(call install,environment,lock,interpreter limit)
define install
	@if ! $(1)/bin/python -m pip --version >/dev/null 2>&1; then \
	  python=$$(sh tools/preflight.sh $(3)) && \
	  echo "Making $(1) with $$python" && "$$python" -m venv --clear $(1); fi
	@echo "Installing $(2) into $(1) (about a minute)"
	@$(1)/bin/python -m pip install --quiet --require-hashes -r $(2)
	@$(1)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
endef

# The part of JupyterLab that asks whether it may fetch news
NEWS = @jupyterlab/apputils-extension:announcements

$(VENV)/.ready: requirements.lock pyproject.toml
	$(call install,$(VENV),requirements.lock)
	@mkdir -p $(VENV)/etc/jupyter/labconfig
	@echo '{"disabledExtensions": {"$(NEWS)": true}}' > $(VENV)/etc/jupyter/labconfig/page_config.json
	@touch $@

$(OLDEST)/.ready: requirements-oldest.lock pyproject.toml
	$(call install,$(OLDEST),requirements-oldest.lock,3.13)
	@touch $@

# The packages that data/build.py reads; only the tests need them. One is a source distribution,
# built with the locked setuptools.
$(VENV)/.data-ready: requirements-data.lock $(VENV)/.ready
	@echo "Installing requirements-data.lock into $(VENV)"
	@$(PY) -m pip install --quiet --no-build-isolation --require-hashes -r requirements-data.lock
	@touch $@

# -- Course ---------------------------------------------------------------------------------------

START = $(firstword $(wildcard notebooks/00_start_here.ipynb) $(wildcard notebooks/0*.ipynb))
# Loopback only; no news, no update checks, no extension catalogue: nothing leaves the machine.
LAB = --ServerApp.ip=127.0.0.1 --LabApp.news_url=None --LabApp.extension_manager=readonly \
      --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate
ifeq ($(shell id -u),0)
LAB += --allow-root
endif
ifeq ($(shell uname -s)$(DISPLAY)$(WAYLAND_DISPLAY)$(BROWSER),Linux)
LAB += --no-browser
endif

setup: $(VENV)/.ready $(VENV)/.data-ready $(VENV)/.site-ready  ## Install all that tests and site need
	@:

course: $(VENV)/.ready  ## Open JupyterLab at the first lesson (without a display: print the address)
	$(PY) -m jupyterlab $(LAB) --LabApp.default_url=/lab/tree/$(START)

run: $(VENV)/.ready  ## Execute every lesson, one line each; executed copies go to build/lessons
	@$(PY) tools/run_notebooks.py run

notebooks: $(VENV)/.ready  ## Refresh the stored outputs of lessons and solutions
	@$(PY) tools/run_notebooks.py refresh
	@$(PY) tools/readme_figure.py

# -- Site -----------------------------------------------------------------------------------------
# Built from the notebooks as stored. Its packages come on top; with them, `make test` tests the site
# and, where Chromium is installed, JupyterLab and the site in the browser.

$(VENV)/.site-ready: requirements-site.lock $(VENV)/.ready
	@echo "Installing requirements-site.lock into $(VENV)"
	@$(PY) -m pip install --quiet --require-hashes -r requirements-site.lock
	@touch $@

site: $(VENV)/.site-ready  ## Build the lessons as a static site in build/site
	@$(PY) tools/build_site.py

# -- Checks ---------------------------------------------------------------------------------------
# One thread per process, as many processes as cores (at most four): a notebook stays in one process.

PYTEST = OMP_NUM_THREADS=1 $(1)/bin/python -m pytest -n logical --maxprocesses=4 --dist loadfile
UNITS = -m "not slow" course_lib tests
# Unit tests of what all monitors share, and of one monitor of each kind
QUICK = -m "not slow" tests/core tests/test_package.py tests/performance/test_realized.py \
  tests/performance/test_regression_metrics.py tests/drift/test_quality.py \
  tests/persistence/test_golden.py --ignore=tests/core/test_extend.py \
  --ignore=tests/core/test_monitor_checks.py --ignore=tests/core/test_parameters.py
# Import, packaging, parameters, saved monitors, broken input, and two lessons
SHORT = -m "not slow" tests/test_package.py tests/test_packaging.py tests/core/test_parameters.py \
  tests/persistence/test_storage.py tests/persistence/test_golden.py \
  tests/core/test_extend.py tests/test_hostile.py notebooks/00_*.ipynb notebooks/02_*.ipynb

test: $(VENV)/.ready $(VENV)/.data-ready  ## Run all tests: units, doctests, style, every notebook
	$(call PYTEST,$(VENV))

test-quick: $(VENV)/.ready  ## Run unit tests for about a minute, while you work
	$(call PYTEST,$(VENV)) $(QUICK)

test-short: $(VENV)/.ready  ## Run what a Python version is likely to break (see CONTRIBUTING.md)
	$(call PYTEST,$(VENV)) $(SHORT)

test-oldest: $(OLDEST)/.ready  ## Run units that are not slow and the lessons with the oldest versions
	$(call PYTEST,$(OLDEST)) $(UNITS) notebooks/*.ipynb

lint: $(VENV)/.ready  ## ruff, mypy and codespell
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/codespell

# -- Evidence -------------------------------------------------------------------------------------
# What rests on many runs; not part of the tests.

bench: $(VENV)/.ready  ## Time every calculator beside NannyML's (if `make oracle` was run); write docs/benchmarks.md
	OMP_NUM_THREADS=2 $(PY) benchmarks/bench.py --nannyml $(ORACLE)/bin/python

evidence: $(VENV)/.ready  ## Write the tables of docs/evidence.md anew (about twenty minutes)
	OMP_NUM_THREADS=1 $(PY) tools/triage_evidence.py --write
	OMP_NUM_THREADS=1 $(PY) tools/game_evidence.py --write
	OMP_NUM_THREADS=1 $(PY) tools/false_alarms.py --jobs 2 --write
	OMP_NUM_THREADS=1 $(PY) tools/band_coverage.py --jobs 2 --write
	OMP_NUM_THREADS=1 $(PY) tools/ranking_evidence.py --jobs 2 --write

hostile: $(VENV)/.ready  ## Try 20,000 examples of broken input; write their table (about a quarter of an hour)
	OMP_NUM_THREADS=1 $(PY) tools/hostile_evidence.py --examples 20000 --write

# NannyML has an environment of its own, since it runs with few versions of what it needs.
$(ORACLE)/.ready: tests/oracle/requirements.txt
	@python=$$(sh tools/preflight.sh 3.13) && echo "Making $(ORACLE) with $$python" && \
	  "$$python" -m venv --clear $(ORACLE)
	@echo "Installing NannyML into $(ORACLE) (some minutes)"
	@$(ORACLE)/bin/python -m pip install --quiet -r $< || { echo "NannyML cannot be installed here;" \
	  "its stored numbers stand, and the tests compare with them." >&2; exit 1; }
	@touch $@

oracle: $(VENV)/.ready $(ORACLE)/.ready  ## Freeze NannyML's numbers anew and compare (some minutes)
	cd tests && OMP_NUM_THREADS=1 $(abspath $(ORACLE))/bin/python -m oracle.freeze ../build/oracle
	cd tests && OMP_NUM_THREADS=1 $(abspath $(PY)) -m oracle.compare ../build/oracle
	cd tests && OMP_NUM_THREADS=1 $(abspath $(ORACLE))/bin/python -m oracle.own_data write ../build/own
	cd tests && OMP_NUM_THREADS=1 $(abspath $(PY)) -m oracle.own_data compare ../build/own
	OMP_NUM_THREADS=1 $(PY) -m pytest -q tests/test_oracle.py

# -- Locks ----------------------------------------------------------------------------------------
# Needs uv. The locks hold versions and hashes, no addresses; the build backend is in them.

COMPILE = uv pip compile --quiet --upgrade --universal --python-version 3.11 \
          --generate-hashes --no-header --no-annotate
BACKEND = sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml

lock:  ## Write the locks anew from pyproject.toml (needs uv)
	$(BACKEND) | $(COMPILE) --extra lab --extra test --extra scale pyproject.toml - -o requirements.lock
	$(COMPILE) --extra data -c requirements.lock pyproject.toml -o requirements-data.lock
	$(COMPILE) --extra site -c requirements.lock pyproject.toml -o requirements-site.lock
	$(BACKEND) | $(COMPILE) --resolution lowest-direct --extra lab --extra test \
	  pyproject.toml - -o requirements-oldest.lock

clean:  ## Remove the environments and build/
	rm -rf $(VENV) $(OLDEST) $(ORACLE) $(wildcard .venv-3.* .venv-oldest-3.*) build dist
