# make run   install what the app needs and open it on http://127.0.0.1:8501
# make test  install what tests need too (a Chromium included), then lint, types, and the daily tests
# make test-long        all tests, the long ones too, with the lines they run; and those without a compiler
# make test-no-compiler the engine's tests where no C++ compiler is found
# make test-under-load  the daily tests five times in a row while all cores are busy (TIMES=5)
# make mutants          put deliberate mistakes into a copy of the code, which the daily tests must notice
# make coverage         print which lines the daily tests run
# make bench measure the engine on this machine
# make docs  write the generated pages of docs/ anew
# make messages  collect the texts to translate in locale/scalescope.pot
# make gallery  train the presets from nothing into the results that ship
# Every target is safe to repeat: what is installed is not installed again.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test daily test-long test-no-compiler test-under-load mutants coverage lint bench docs messages gallery browser clean
.DEFAULT_GOAL := run

run: .venv/app-installed
	@echo "Scalescope opens on http://127.0.0.1:8501 (Ctrl-C ends it)."
	$(BIN)/python -m streamlit run app.py

# What starts many processes keeps what Python has compiled, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest -n auto --no-loadscope-reorder
TIMES ?= 5

test: .venv/tests-installed browser
	@$(MAKE) --no-print-directory -j2 daily lint

daily: .venv/tests-installed
	$(PYTEST)

test-long: lint browser test-no-compiler
	$(BIN)/mypy
	$(PYTEST) -m "" --cov

coverage: .venv/tests-installed browser
	$(PYTEST) --cov

lint: .venv/tests-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyrefly check --min-severity error

# Only what the virtual environment has is on PATH, and no compiler is found there.
test-no-compiler: .venv/tests-installed
	PATH="$(CURDIR)/$(BIN)" $(BIN)/python -c "from engine.net.kernel.build import compiler; assert compiler() is None"
	PATH="$(CURDIR)/$(BIN)" $(PYTEST) tests/engine

test-under-load: .venv/tests-installed browser
	$(BIN)/python -m tests.under_load $(TIMES) $(PYTEST)

mutants: .venv/tests-installed
	$(BIN)/python -m tests.mutants

bench: .venv/app-installed
	$(BIN)/python -m engine bench

docs: .venv/app-installed
	$(BIN)/python -m docs.generate

messages: .venv/tests-installed
	$(BIN)/python -m docs.generate.messages

gallery: .venv/app-installed
	$(BIN)/python -m engine gallery

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Scalescope needs Python 3.11 or newer; name one with: make PYTHON=python3.12 run"; exit 1; }
	@echo "Making a virtual environment in .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Install your distribution's python3-venv, then try again."; exit 1; }

.venv/app-installed: requirements.txt | .venv/bin/python
	@echo "Installing requirements.txt (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/tests-installed: tests/requirements.txt .venv/app-installed
	@echo "Installing tests/requirements.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

# The browser tests take the lightest Chromium there is, and skip with the reason where there is none.
browser:
	@command -v chromium-headless-shell >/dev/null && exit; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium-headless-shell; } \
			>/dev/null 2>&1 && exit; \
	fi; \
	{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null \
		|| echo "No Chromium here: the browser tests will be skipped."

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
