PYTEST = .venv/bin/python -m pytest
SOURCES = functions layers/chatbot local tests
# sam and boto3 ask for a region even where they call nothing.
export AWS_DEFAULT_REGION ?= eu-central-1
export SAM_CLI_TELEMETRY = 0

.DEFAULT_GOAL = help
.SUFFIXES:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.installed ## run the whole stack on this machine (PORT=8000)
	@exec .venv/bin/python -m local $(if $(PORT),--port $(PORT))

.PHONY: test
test: .venv/.installed ## unit, component and end-to-end tests
	$(PYTEST) tests/unit tests/component tests/e2e

.PHONY: test-build
test-build: .venv/.installed ## build, then run what was built in the Lambda runtime (python3.13)
	$(PYTEST) -n 0 --timeout 600 tests/build

.PHONY: check
check: lint types imports templates test ## the gate: lint, types, imports, templates, tests

.PHONY: lint
lint: .venv/.installed ## style and formatting
	.venv/bin/ruff check
	.venv/bin/ruff format --check

.PHONY: types
types: .venv/.installed ## strict types, code and tests
	.venv/bin/mypy

.PHONY: imports
imports: .venv/.installed ## who may import whom
	.venv/bin/lint-imports

.PHONY: templates
templates: .venv/.installed ## template.yaml, as written (its translation is linted in test)
	.venv/bin/sam validate
	.venv/bin/sam validate --lint

.PHONY: build
build: .venv/.installed ## what `sam deploy` deploys, in .aws-sam/build
	PATH="$(CURDIR)/.venv/bin:$$PATH" sam build

.PHONY: format
format: .venv/.installed ## format the code
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

# Development first, then what is deployed under its versions: sam pins boto3.
COMPILE = .venv/bin/uv pip compile --quiet --generate-hashes --no-header $(UPGRADE)
.PHONY: lock
lock: .venv/.installed ## lock the requirements again (UPGRADE=--upgrade for newer versions)
	$(COMPILE) --universal --python-version 3.11 -o requirements/development.txt \
		requirements/development.in
	for name in installer runtime; do $(COMPILE) --universal --python-version 3.11 \
		-c requirements/development.txt -o requirements/$$name.txt requirements/$$name.in || exit; done
	$(COMPILE) --python-platform x86_64-manylinux_2_28 --python-version 3.13 \
		-c requirements/development.txt \
		-o layers/dependencies/requirements.txt layers/dependencies/requirements.in

.PHONY: clean
clean: ## remove what was built; the environment stays
	rm -rf .aws-sam .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find functions layers local tests -name __pycache__ -prune -exec rm -rf {} +

.venv/.installed: scripts/environment.sh requirements/development.txt requirements/installer.txt \
		layers/chatbot/pyproject.toml
	@sh scripts/environment.sh
	@touch $@
