# Everything a newcomer needs: `make demo` and `make test` set up what is missing and run.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS := .venv-docs
DEMO_READY := $(VENV)/.demo-ready
WORKERS ?= 3
NATIVE := $(wildcard src/modeldata/native/*.[ch])
LOWEST_VENV := .venv-lowest
SERVICES := .venv-services
SERVERS := azureml kserve mlserver ray
ORDINARY := -p no:cacheprovider -m "not faults and not soak and not spark and not services"
LOWEST := --quiet --python-version 3.11 --no-header --no-annotate --all-extras

.DEFAULT_GOAL := help
.PHONY: help setup demo test docs dist manifests ui spark services lint types bench faults slice soak native-sanitized mutants lowest lowest-smoke pythons windows windows-smoke lock clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(READY)  ## a virtual environment with all extras and tools, in .venv

$(READY): $(DEMO_READY) requirements-azureml.txt requirements-pandas22.txt requirements-java.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --target $(VENV)/pandas-2.2 -r requirements-pandas22.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --target $(VENV)/azureml -r requirements-azureml.txt
	java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' || $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-java.txt
	$(BIN)/python -c "from tests.support.azurite import modules; modules()"
	touch $(READY)

$(DEMO_READY): pyproject.toml requirements-dev.txt hatch_build.py $(NATIVE)
	@echo "1/3  A virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "2/3  uv, which installs the rest"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements-dev.txt)"
	@echo "3/3  modeldata, its commands, and a model service: about 180 MB to download"
	@$(BIN)/uv pip install --python $(BIN)/python --constraints requirements-dev.txt --editable '.[demo]'
	@$(BIN)/python -c "from modeldata.native import way; print('     ' + way())"
	@touch $(DEMO_READY)

demo: $(DEMO_READY)  ## a real model service, archived before your eyes
	$(BIN)/modeldata demo

test: setup  ## all tests but the long fault runs, the soak and those in a browser
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not faults and not soak and not spark and not browser and not services"
	$(BIN)/python -m pytest -m "spark and not faults and not soak"

ui: setup  ## the page in a real browser: every page drawn, looked at by axe, on the keyboard; its pictures in docs/img
	$(BIN)/python -m tests.ui.browser
	$(BIN)/python -m pytest -m browser tests/ui
	$(BIN)/python -m tests.ui.pictures

$(SERVICES)/.ready: requirements-services.txt
$(SERVERS:%=$(SERVICES)-%/.ready): $(SERVICES)-%/.ready: requirements-service-%.txt
$(SERVICES)/.ready $(SERVERS:%=$(SERVICES)-%/.ready): pyproject.toml | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python -r $(filter requirements-%,$^)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --no-deps --editable .
	touch $@

services: $(SERVICES)/.ready $(SERVERS:%=$(SERVICES)-%/.ready)  ## services of a dozen frameworks, archived without a change to them (1.4 GB of packages)
	$(SERVICES)/bin/python -m pytest -p no:cacheprovider -m services tests/service tests/services

spark: setup  ## the tests with Spark, the long ones, too
	$(BIN)/python -m pytest -m "spark and not soak"

lint: setup  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --diff . > /dev/null || $(BIN)/ruff format --check .

types: setup  ## mypy --strict, for Linux, Windows and macOS
	for platform in linux win32 darwin; do $(BIN)/mypy --platform $$platform || exit 1; done

bench: setup  ## what it costs, beside what else one could use
	$(BIN)/python -m benchmarks

faults: setup  ## every row of the fault matrix, the long way
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not services and not browser" tests/faults tests/native tests/spool tests/e2e tests/stores tests/keep tests/snapshot tests/service
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "faults and not services and not browser" tests/cli tests/house tests/read tests/services tests/settings

slice: setup  ## the first slice of the fault matrix, by itself (under 3 minutes)
	$(BIN)/python -m tests.faults.first_slice -n $(WORKERS) --dist worksteal

soak: setup  ## gunicorn under load and random faults, ten minutes (SOAK_SECONDS=600)
	$(BIN)/python -m pytest -m soak tests/faults -s

native-sanitized: setup  ## the tests of the compiled part under AddressSanitizer and UBSan
	$(BIN)/python -m tests.native.sanitized

mutants: setup  ## switch each guard off: a test must fail
	$(BIN)/python -m tests.faults.mutants

$(LOWEST_VENV)/.ready: pyproject.toml requirements-lowest.txt | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST_VENV)
	$(BIN)/uv pip install --quiet --python $(LOWEST_VENV)/bin/python -r requirements-lowest.txt
	$(BIN)/uv pip install --quiet --python $(LOWEST_VENV)/bin/python --no-deps --editable .
	touch $@

lowest: $(LOWEST_VENV)/.ready  ## the tests with the lowest versions of the libraries that are allowed
	$(LOWEST_VENV)/bin/python -m pytest $(ORDINARY) tests/encode tests/format tests/snapshot tests/spool tests/read tests/cli tests/keep

lowest-smoke: $(LOWEST_VENV)/.ready  ## the same, a minute of it
	$(LOWEST_VENV)/bin/python -m pytest $(ORDINARY) -q tests/format tests/read/test_sql.py tests/cli/test_every_command_has_manners.py \
		tests/keep/test_a_condition_is_about_columns.py tests/snapshot/test_arrow_data_keeps_its_types.py

pythons: setup  ## the tests on other versions of Python and of the libraries (Debian, as root)
	$(BIN)/python -m tests.platforms.pythons

windows: setup  ## the tests under Python 3.11 and 3.13 for Windows, in Wine (Debian, as root)
	$(BIN)/python -m tests.windows
	$(BIN)/python -m tests.platforms.page

windows-smoke: setup  ## the same for collect, kill, ship, read, audit, erase and the commands only
	$(BIN)/python -m tests.windows --smoke

docs: $(DOCS)/.ready  ## the docs site in build/site, from docs/ and the docstrings; a broken link ends it
	$(PYTHON) -m tests.house.site build/pages
	$(DOCS)/bin/zensical build --strict --clean
	@echo "open build/site/index.html"

$(DOCS)/.ready: requirements-docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $(DOCS)/.ready

manifests: setup  ## the Kubernetes manifest and the alert rules, checked by others' tools
	mkdir -p build
	sed -n '/^```yaml/,/^```/{/^```/d;p}' docs/kubernetes.md > build/sidecar.yaml
	$(BIN)/uv tool run --from kubernetes-validate==1.37.0 kubernetes-validate --strict build/sidecar.yaml
	cd examples/monitoring && promtool check rules rules.yaml && promtool test rules rules_test.yaml

dist: setup  ## sdist, compiled and pure wheel in dist/, checked; each extra installed by itself, on each Python here, and tried
	$(BIN)/python -m tests.house.release
	rm -rf dist
	MODELDATA_BUILD=require $(BIN)/python -m hatchling build -d dist
	MODELDATA_BUILD=pure $(BIN)/python -m hatchling build -t wheel -d dist
	$(BIN)/uv tool run --from twine==7.0.0 twine check --strict dist/*
	$(BIN)/python -m tests.platforms.extras

lock: setup  ## pin the versions of everything again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --all-extras --group dev pyproject.toml -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --group docs -o requirements-docs.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --extra cli --group services pyproject.toml -o requirements-services.txt
	for server in $(SERVERS); do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --extra cli --group service-$$server pyproject.toml \
			-o requirements-service-$$server.txt || exit 1; \
	done
	$(BIN)/uv pip compile $(LOWEST) --resolution lowest-direct --no-deps pyproject.toml \
		| $(BIN)/uv pip compile $(LOWEST) --group dev --constraints /dev/stdin pyproject.toml -o requirements-lowest.txt

clean:  ## remove what was made
	rm -rf $(VENV) $(DOCS) $(LOWEST_VENV) $(SERVICES)* .windows .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist .pythons
