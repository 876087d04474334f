PYTEST = .venv/bin/python -m pytest
# sam and boto3 ask for a region even where they call nothing.
export AWS_DEFAULT_REGION ?= eu-central-1
export SAM_CLI_TELEMETRY = 0
# What npm installed, on the Node that pip installed: the machine's own, if any, is not used.
NODE = PATH="$(CURDIR)/node_modules/.bin:$(CURDIR)/.venv-node/bin:$$PATH"
# Some containers set it: the dozens of processes of a test run would each compile all they import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL = help
.SUFFIXES:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.installed ## run the whole stack on this machine (PORT=8000)
	@exec .venv/bin/python -m local $(if $(PORT),--port $(PORT))

.PHONY: test
test: .venv/.installed ## unit, component and core end-to-end tests
	$(PYTEST) -n 3 --dist loadgroup -m 'not long' tests/unit tests/component tests/e2e tests/faults

.PHONY: coverage
coverage: .venv/.installed ## the same tests, and which lines and branches they leave out
	$(PYTEST) -n 3 --dist loadgroup --cov -m 'not long' tests/unit tests/component tests/e2e tests/faults

.PHONY: test-long
test-long: .venv/.installed ## the other end-to-end tests: streaming, pictures, limits, ops, …
	$(PYTEST) -m long tests/e2e

.PHONY: test-build
test-build: .venv/.installed ## build, then run what was built in the Lambda runtime (python3.13)
	$(PYTEST) -n 0 --timeout 600 tests/build

.PHONY: test-browser
test-browser: .venv/.installed ## the page in a real browser, Debian's /usr/bin/chromium
	$(PYTEST) tests/browser

.PHONY: screenshots
screenshots: .venv/.installed ## take the pictures in docs/images again
	.venv/bin/python -m tests.browser.screenshots

.PHONY: fuzz
fuzz: .venv/.installed ## 100,000 generated and mutilated requests (FUZZ_CASES=, FUZZ_SEED=)
	FUZZ_CASES=$(or $(FUZZ_CASES),100000) $(PYTEST) -n 0 -sq --timeout 1800 \
		-k no_request_breaks tests/component/test_fuzz.py

.PHONY: bench
bench: .venv/.installed ## build and measure: speed and cost beside the least that does the same
	.venv/bin/python -m benchmarks

.PHONY: bench-quick
bench-quick: .venv/.installed ## what no machine changes: calls to AWS, bytes read, the page's weight
	.venv/bin/python -m benchmarks --quick

.PHONY: faults
faults: .venv/.installed ## every boundary × fault × channel, on real processes (ONLY=, JOBS=)
	.venv/bin/python -m tests.faults $(if $(ONLY),--only '$(ONLY)') $(if $(JOBS),--jobs $(JOBS))

.PHONY: mutants
mutants: .venv/.installed ## breaks the code step by step: tests and faults must notice each
	.venv/bin/python -m tests.faults.mutants

.PHONY: storm
storm: .venv/.installed ## 5,000 messages while all fails and workers are killed (SEED=, CONVERSATIONS=)
	.venv/bin/python -m tests.storm --kills $(if $(SEED),--seed $(SEED)) \
		$(if $(CONVERSATIONS),--conversations $(CONVERSATIONS))

.PHONY: check
check: lint types imports javascript templates scan coverage ## the gate: style, types, imports, JavaScript, templates, scan, tests with coverage

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

.PHONY: javascript
javascript: node_modules/.installed ## types and style of the page's and the playground's JavaScript
	$(NODE) tsc
	$(NODE) biome lint --error-on-warnings

.PHONY: templates
templates: .venv/.installed ## template.yaml, as written (its translation is linted in test)
	.venv/bin/sam validate
	.venv/bin/sam validate --lint

# Offline: what it would download is only its own opinion of severities.
.PHONY: scan
scan: .venv-checkov/.installed ## security scan of template.yaml; what is let pass says why there
	.venv-checkov/bin/checkov --file template.yaml --framework cloudformation \
		--skip-download --compact --quiet

# Each lock by itself. Without its database pip-audit would find nothing and call that good.
.PHONY: audit
audit: .venv-checkov/.installed node_modules/.installed ## known vulnerabilities of what is locked; needs the internet
	@for lock in layers/dependencies/requirements.txt requirements/*.txt; do \
		echo "$$lock"; \
		.venv-checkov/bin/pip-audit --strict --disable-pip --requirement $$lock || { \
			echo "make audit: $$lock has vulnerabilities (listed above), or the database" \
				"(an online service without mirrors) did not answer, and then nothing was checked" >&2; \
			exit 1; }; \
	done
	@echo package-lock.json
	@$(NODE) npm audit

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
	for name in checkov node; do $(COMPILE) --universal --python-version 3.11 \
		-o requirements/$$name.txt requirements/$$name.in || exit; done
	for name in installer runtime; do $(COMPILE) --universal --python-version 3.11 \
		-c requirements/development.txt -o requirements/$$name.txt requirements/$$name.in || exit; done
	$(COMPILE) --python-platform x86_64-manylinux_2_28 --python-version 3.13 \
		-c requirements/development.txt \
		-o layers/dependencies/requirements.txt layers/dependencies/requirements.in

.PHONY: clean
clean: ## remove what was built; the environment stays
	rm -rf .aws-sam .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find benchmarks functions layers local ops scripts tests -name __pycache__ -prune -exec rm -rf {} +

.venv/.installed: scripts/environment.sh requirements/development.txt requirements/installer.txt \
		layers/chatbot/pyproject.toml
	@sh scripts/environment.sh
	@touch $@

.venv-%/.installed: requirements/%.txt | .venv/.installed
	.venv/bin/uv venv --quiet --clear --python .venv/bin/python .venv-$*
	.venv/bin/uv pip sync --quiet --python .venv-$*/bin/python --require-hashes \
		requirements/$*.txt || \
		.venv/bin/python -m pip --python .venv-$*/bin/python install --quiet \
			--require-hashes --no-deps --requirement requirements/$*.txt
	@touch $@

node_modules/.installed: package-lock.json .npmrc .venv-node/.installed
	$(NODE) npm ci
	@touch $@
