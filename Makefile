PYTEST = .venv/bin/python -m pytest
# sam and boto3 need a region even when they make no calls.
export AWS_DEFAULT_REGION ?= eu-central-1
export SAM_CLI_TELEMETRY = 0
# The tools that npm installed, on the Node that pip installed, not on the machine's own.
NODE = PATH="$(CURDIR)/node_modules/.bin:$(CURDIR)/.venv-node/bin:$$PATH"
# A model server of npm's, locked by itself.
AIMOCK = tests/interop/aimock/node_modules
# Some containers set it: the dozens of processes of a test run would each compile all they import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL = help
.SUFFIXES:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.installed ## run the whole stack on this machine until Ctrl-C (PORT=8000)
	@exec .venv/bin/python -m local $(if $(PORT),--port $(PORT))

.PHONY: test
test: .venv/.installed ## unit, component and core end-to-end tests
	$(PYTEST) -n 5 --dist loadscope -m 'not long' tests/unit tests/component tests/e2e tests/faults

.PHONY: coverage
coverage: .venv/.installed ## like test, then list the lines and branches that are not covered
	$(PYTEST) -n 5 --dist loadscope --cov -m 'not long' tests/unit tests/component tests/e2e tests/faults

.PHONY: test-long
test-long: .venv/.installed ## the slower tests: streaming, pictures, limits, ops, killed workers, hard Markdown, …
	$(PYTEST) -m long tests/unit tests/component tests/e2e tests/faults

.PHONY: test-interop
test-interop: .venv/.installed .venv-litellm/.installed .venv-telegram/.installed $(AIMOCK)/.installed ## test against other people's model servers and clients of Telegram, and SAM's sample events
	$(PYTEST) -n 2 --dist loadfile tests/interop

.PHONY: test-build
test-build: .venv/.installed ## build, then test the built functions in the Lambda runtime (python3.13)
	$(PYTEST) -n 0 --timeout 600 tests/build

.PHONY: test-browser
test-browser: .venv/.installed ## test the web page in a browser, Debian's /usr/bin/chromium
	$(PYTEST) tests/browser

# Not in CI: compiling the server takes long, and what a model says is nobody's promise.
.PHONY: test-llama
test-llama: .venv/.installed .venv-llama/.installed ## test with a real model, llama.cpp with SmolLM2-135M, compiled at first (needs g++)
	$(PYTEST) -n 0 -v --timeout 1200 tests/llama

.PHONY: screenshots
screenshots: .venv/.installed ## take the pictures in docs/images again
	.venv/bin/python -m tests.browser.screenshots

.PHONY: fuzz
fuzz: .venv/.installed ## test with 100,000 generated and damaged requests, and as many answers of models (FUZZ_CASES=, FUZZ_SEED=)
	FUZZ_CASES=$(or $(FUZZ_CASES),100000) $(PYTEST) -n 0 -sq --timeout 1800 \
		-k "no_request_breaks or no_answer_that" tests/component/test_fuzz.py

.PHONY: hostile
hostile: .venv/.installed ## give 100,000 hostile inputs to doors, converters, splitter and page (SEED=, INPUTS=)
	.venv/bin/python -m tests.hostile $(if $(SEED),--seed $(SEED)) $(if $(INPUTS),--inputs $(INPUTS))

.PHONY: bench
bench: .venv/.installed ## build, then measure speed and cost against minimal reference programs
	.venv/bin/python -m benchmarks

.PHONY: bench-quick
bench-quick: .venv/.installed ## measure only what is the same on every machine: calls to AWS, bytes read, page size
	.venv/bin/python -m benchmarks --quick

.PHONY: faults
faults: .venv/.installed ## test every boundary × fault × channel with functions in processes (ONLY=, JOBS=)
	.venv/bin/python -m tests.faults $(if $(ONLY),--only '$(ONLY)') $(if $(JOBS),--jobs $(JOBS))

.PHONY: mutants
mutants: .venv/.installed ## break the code in one place at a time: tests must fail each time
	.venv/bin/python -m tests.faults.mutants

.PHONY: storm
storm: .venv/.installed ## 5,000 messages while requests fail and workers are killed (SEED=, CONVERSATIONS=)
	.venv/bin/python -m tests.storm --kills $(if $(SEED),--seed $(SEED)) \
		$(if $(CONVERSATIONS),--conversations $(CONVERSATIONS))

.PHONY: check
check: lint types imports javascript templates scan coverage ## everything that must pass before a merge: the checks below, tests, coverage

.PHONY: lint
lint: .venv/.installed ## check style and formatting
	.venv/bin/ruff check
	.venv/bin/ruff format --check

.PHONY: types
types: .venv/.installed ## check types strictly, in code and tests
	.venv/bin/mypy

.PHONY: imports
imports: .venv/.installed ## check which modules may import which
	.venv/bin/lint-imports

.PHONY: javascript
javascript: node_modules/.installed ## check types and style of the page's and the playground's JavaScript
	$(NODE) tsc
	$(NODE) biome lint --error-on-warnings

.PHONY: templates
templates: .venv/.installed ## check template.yaml as written (its translation is checked by test)
	.venv/bin/sam validate
	.venv/bin/sam validate --lint

# Offline: it would only download its vendor's ratings of severity.
.PHONY: scan
scan: .venv-checkov/.installed ## scan template.yaml for insecure settings; exceptions are explained there
	.venv-checkov/bin/checkov --file template.yaml --framework cloudformation \
		--skip-download --compact --quiet

# Each lock file by itself. With --strict, an unavailable database is a failure, not a pass.
.PHONY: audit
audit: .venv-checkov/.installed node_modules/.installed $(AIMOCK)/.installed ## look up known vulnerabilities of locked packages; needs the internet
	@for lock in layers/dependencies/requirements.txt requirements/*.txt; do \
		echo "$$lock"; \
		.venv-checkov/bin/pip-audit --strict --disable-pip --requirement $$lock || { \
			echo "make audit: $$lock has vulnerabilities (listed above), or the online database" \
				"did not answer and nothing was checked" >&2; \
			exit 1; }; \
	done
	@echo package-lock.json
	@$(NODE) npm audit
	@echo tests/interop/aimock/package-lock.json
	@$(NODE) npm --prefix tests/interop/aimock audit

.PHONY: build
build: .venv/.installed ## build what `sam deploy` deploys, into .aws-sam/build
	PATH="$(CURDIR)/.venv/bin:$$PATH" sam build

.PHONY: format
format: .venv/.installed ## format the code
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

# Development first; its versions then constrain what is deployed, as sam pins boto3.
COMPILE = .venv/bin/uv pip compile --quiet --generate-hashes --no-header $(UPGRADE)
.PHONY: lock
lock: .venv/.installed ## update the lock files (UPGRADE=--upgrade for newer versions)
	$(COMPILE) --universal --python-version 3.11 -o requirements/development.txt \
		requirements/development.in
	for name in checkov litellm node telegram; do $(COMPILE) --universal --python-version 3.11 \
		-o requirements/$$name.txt requirements/$$name.in || exit; done
	$(COMPILE) --no-deps --universal --python-version 3.11 \
		-o requirements/llama.txt requirements/llama.in
	for name in installer runtime; do $(COMPILE) --universal --python-version 3.11 \
		-c requirements/development.txt -o requirements/$$name.txt requirements/$$name.in || exit; done
	$(COMPILE) --python-platform x86_64-manylinux_2_28 --python-version 3.13 \
		-c requirements/development.txt \
		-o layers/dependencies/requirements.txt layers/dependencies/requirements.in

.PHONY: clean
clean: ## remove build output, caches and the model server; the other environments stay
	rm -rf .venv-llama .aws-sam .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find benchmarks functions layers local ops scripts tests -name __pycache__ -prune -exec rm -rf {} +

.venv/.installed: scripts/environment.sh requirements/development.txt requirements/installer.txt \
		layers/chatbot/pyproject.toml
	@sh scripts/environment.sh
	@touch $@

# llama.cpp's server without what only its developers need, and without downloads while it is built.
.venv-llama/.installed: export CMAKE_ARGS = -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
	-DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF
.venv-llama/.installed: export LLAMA_CPP_BUILD_JOBS = $(shell nproc)

.venv-%/.installed: requirements/%.txt | .venv/.installed
	.venv/bin/uv venv --quiet --clear --python .venv/bin/python .venv-$*
	.venv/bin/uv pip sync --quiet --python .venv-$*/bin/python --require-hashes \
		requirements/$*.txt || \
		.venv/bin/python -m pip --python .venv-$*/bin/python install --quiet \
			--require-hashes --no-deps --requirement requirements/$*.txt
	@touch $@

$(AIMOCK)/.installed: tests/interop/aimock/package-lock.json tests/interop/aimock/.npmrc .venv-node/.installed
	$(NODE) npm --prefix tests/interop/aimock ci
	@touch $@

node_modules/.installed: package-lock.json .npmrc .venv-node/.installed
	$(NODE) npm ci
	@touch $@
