# make play     play the bundled world in a browser        make test     run the tests
# make install  create .venv (the two above do it too)     make lint     style and types; make format repairs style
# make test-slow  those that take many fresh processes, and the notebooks
# make bench    speed and memory, the short form           make package  build the wheel, install it once and play
# make agents   what agents do in the bundled world: docs/agents.md
# make docs     the documentation, in build/site           make notebook run the notebooks and store what they show
# make clean    remove .venv and the caches

# The first Python 3.11 or 3.12 that runs; choose another with `make install PYTHON=/path/to/python3.12`.
IS_SUPPORTED := import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	$$p -c '$(IS_SUPPORTED)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
VIDEO_WRITER := imageio-ffmpeg==0.8.1

.PHONY: install play test test-slow package lint lint-page format docs notebook bench agents clean

install: .venv/installed

.venv/installed: pyproject.toml setup.py constraints.txt
	@$(or $(PYTHON),false) -c '$(IS_SUPPORTED)' 2>/dev/null || { \
		echo "genie_hf needs Python 3.11 or 3.12, $(if $(PYTHON),which $(PYTHON) is not,and none is on the PATH):" \
		"install one, or name it: make install PYTHON=/path/to/python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[agents,coinrun,play,tensorboard,dev,docs]'
	@# gym3 asks for an older one, for a recorder that nothing here uses; diffusers' export_to_video needs this.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(VIDEO_WRITER)
	@touch $@

play: install
	$(BIN)/python spaces_app/app.py

# The tests of the page run alone: they hold keys and keep to the clock.
test: install
	$(BIN)/python -m pytest -m 'not slow' --ignore tests/browser --numprocesses 2 --dist worksteal
	$(BIN)/python -m pytest -m 'not slow' tests/browser

test-slow: install
	$(BIN)/python -m pytest -m slow --ignore tests/browser --numprocesses 2 --dist worksteal
	$(BIN)/python -m pytest -m slow tests/browser

package: install
	$(BIN)/python .ci/package.py

lint: install lint-page
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The page's script. Whoever changes no JavaScript needs neither npm nor its registry.
lint-page:
	@if ! command -v npm >/dev/null; then echo "ESLint is skipped: npm is not installed."; \
	elif ! $(MAKE) --silent node_modules/.package-lock.json; then echo "ESLint is skipped: npm could not install it."; \
	else node_modules/.bin/eslint . && echo "ESLint: all is well."; fi

node_modules/.package-lock.json: package.json package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

notebook: install
	$(BIN)/python docs/notebooks/run.py

bench: install
	@set -e; for name in generate train scaling; do echo "== $$name"; \
		$(BIN)/python benchmarks/$$name.py --short --output build/benchmarks/$$name.json; done

agents: install
	GENIE_HF=$(BIN)/genie-hf benchmarks/agents.sh

clean:
	rm -rf .venv node_modules .pytest_cache .ruff_cache .mypy_cache build dist src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
