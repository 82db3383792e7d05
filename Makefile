# What the README names. `make test` and `make demo` do their own set-up on a machine with cargo and a C compiler.

SHELL := /bin/bash
CARGO ?= cargo
CONFIG ?= config.yaml
# Recorded provider traffic that lies beside the repository is used when it is there.
OVTH_RECORDINGS ?= $(wildcard $(abspath ../shared/recordings))
ifneq ($(OVTH_RECORDINGS),)
export OVTH_RECORDINGS
endif

.PHONY: help setup setup-test setup-check demo run test test-rust test-sdk test-router-sdk test-readme test-prices test-long test-clients test-local-model image test-image check deny bench bench-plan bench-ledger bench-translate fuzz

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-17s %s\n", $$1, $$2}'

setup: ## Install what building needs, or say what to install.
	@scripts/setup.sh build

setup-test:
	@scripts/setup.sh test

setup-check:
	@scripts/setup.sh check

demo: setup ## Run the gateway against a provider in a box and show what goes in and out.
	$(CARGO) run --locked -- demo $(ARGS)

run: setup ## Run the gateway with CONFIG (config.yaml).
	$(CARGO) run --release --locked -- serve --config $(CONFIG)

test: test-rust test-sdk test-router-sdk test-readme test-prices ## Run all tests, the official SDKs and the README's commands included.

test-rust: setup-test
	$(CARGO) test --locked --workspace

test-sdk: setup-test
	$(CARGO) build --locked
	tests/sdk/run.sh

test-router-sdk: setup-test
	$(CARGO) build --locked
	tests/router-sdk/run.sh

test-readme: setup-test
	$(CARGO) build --locked
	python3 tests/readme/run.py

test-prices: setup-test
	tests/prices/run.sh

test-long: setup-test ## Run the tests that take minutes, those of the image among them.
	$(CARGO) test --locked --workspace -- --include-ignored --nocapture
	docker/test-image.sh

test-clients: setup-test ## Have real clients (Claude Code, Codex, Gemini CLI, OpenCode, Aider) do a task through the gateway.
	$(CARGO) build --locked
	tests/clients/run.sh

test-local-model: setup-test ## Compare a real model's answers through the gateway with its own.
	$(CARGO) build --locked
	tests/local_model/run.sh

image: ## Build the image with Docker.
	docker build -f docker/Dockerfile -t ovth-gateway --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) .

test-image: setup-test ## Build the image's last stage and run it, without Docker; as root, a few minutes. OVTH_STATIC names a static binary to take.
	docker/test-image.sh $(OVTH_STATIC)

check: setup-check ## Check format, lints, documentation and dependencies.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	scripts/deny.sh

deny: setup-check ## Check what dependencies may be: advisories, licences, sources.
	scripts/deny.sh

bench: setup ## Compare the gateway with the simulator alone and with nginx, if that is installed.
	$(CARGO) bench --locked --bench gateway -- $(BENCH_ARGS)

bench-plan: setup ## Measure what choosing a target costs, over the whole catalogue.
	$(CARGO) bench --locked --bench plan

bench-ledger: setup ## Measure what durable accounting costs in latency and in exchanges a second.
	$(CARGO) bench --locked --bench ledger -- $(BENCH_ARGS)

bench-translate: setup ## Measure what translating requests and streams costs; BENCH_ARGS=--instructions counts with valgrind.
	$(CARGO) bench --locked -p ovth-filters --bench translate -- $(BENCH_ARGS)

fuzz: setup ## Feed everything that reads bytes from outside anything at all, FUZZ_SECONDS (300) each; needs nightly and cargo-fuzz.
	fuzz/run.sh
