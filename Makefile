# Trellis: build, test, run. `make help` lists the targets.
#
# Only Go, make and git are needed beforehand: what else a target needs,
# scripts/prepare installs where it is missing, and says so.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := $(CURDIR)/.bin
GOLANGCI_LINT := v2.15.0
LINTER := $(BIN)/golangci-lint-$(GOLANGCI_LINT)
# Time that each fuzz target runs.
FUZZTIME ?= 30s
VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo development)

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Start everything from nothing, play a conversation and keep serving (Ctrl-C ends it).
	@scripts/prepare postgres
	@echo "demo: building first; the first time that takes two to four minutes, later seconds."
	@go run ./cmd/trellis demo

.PHONY: run
run: ## Serve with the settings of the environment; without any, on its own PostgreSQL.
	@scripts/prepare postgres
	@go run ./cmd/trellis serve

.PHONY: build
build: ## Build the binary, ./trellis.
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o trellis ./cmd/trellis

.PHONY: test
test: ## Run every test and check: vet, Go, openapi.yaml, generated files.
	@scripts/prepare postgres redis node compiler
	@scripts/test

.PHONY: lint
lint: $(LINTER) ## Run the linters over the Go code.
	$(LINTER) run ./...

.PHONY: format
format: $(LINTER) ## Format the Go code.
	$(LINTER) fmt

$(LINTER):
	@echo "lint: installing golangci-lint $(GOLANGCI_LINT) into .bin; that takes a minute or two, once."
	@mkdir -p $(BIN)
	@GOBIN=$(BIN) GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@mv $(BIN)/golangci-lint $@

.PHONY: generate
generate: ## Generate ent's code from ent/schema.
	go generate ./...

.PHONY: openapi
openapi: ## Write openapi.yaml from the operations.
	@go run ./cmd/trellis openapi > openapi.yaml.new && mv openapi.yaml.new openapi.yaml || { rm -f openapi.yaml.new; exit 1; }

.PHONY: openapi-lint
openapi-lint: ## Lint openapi.yaml (Spectral, OWASP) and compile a TypeScript client of it.
	@scripts/prepare node
	@scripts/openapi-lint

.PHONY: migrations-check
migrations-check: ## Fail if a schema has changed and no migration leads there.
	@scripts/prepare postgres
	go run ./ent/migrate/diff -check

.PHONY: docs
docs: ## Write the parts of docs/ that are taken from the code.
	go test ./internal/layout -run Documents -update

.PHONY: figures
figures: ## Measure what is promised about speed, and write docs/performance.md.
	@scripts/prepare postgres redis
	go run ./cmd/figures

.PHONY: mutants
mutants: ## Break the walls between tenants one by one, and see that the tests notice.
	@scripts/prepare postgres redis
	@scripts/mutants

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s).
	@scripts/fuzz $(FUZZTIME)

.PHONY: clean
clean: ## Remove what was built and installed here; ./trellis-data stays.
	rm -rf trellis $(BIN) tools/openapi/node_modules tools/openapi/openapi.gen.d.ts
