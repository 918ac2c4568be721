# AdminBot. `make up` runs it, `make test` proves it.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# No part speaks HTTP/2; functions start every 16 bytes: 0.6 MB less.
TAGS     := nethttpomithttp2
# Nothing is inlined into libraries that are on no hot path: 0.8 MB less.
GCFLAGS  := $(foreach lib,github.com mellium.im golang.org/x/net golang.org/x/text,-gcflags='$(lib)/...=-l') -gcflags='github.com/alecthomas/participle/...='
LDFLAGS  := -s -w -funcalign=16 -X main.buildVersion=$(VERSION) -X main.buildCommit=$(COMMIT)
FUZZTIME ?= 30s
IDLE     ?= 10m

.PHONY: up build test unit race bench bench-go fuzz crash soak check needs clean

build: ## the one binary
	@CGO_ENABLED=0 $(GO) build -tags $(TAGS) $(GCFLAGS) -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/adminbot ./cmd/adminbot

up: build ## everything on this machine, and a prompt
	@bin/adminbot up

test: needs check race ## all of it: static checks, every test under the race detector, real servers and clients

unit: ## what needs only Go
	$(GO) test -short -tags unit ./...

race:
	$(GO) test -race -timeout 45m ./...

check: ## gofmt, vet, staticcheck
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change: $$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

bench: build needs ## the figures of docs/performance.md, with Prosody and ejabberd in the same run
	$(GO) test -tags bench -count 1 -timeout 60m -run '^TestFigures$$' -v ./internal/bench -adminbot $(CURDIR)/bin/adminbot -idle $(IDLE)

bench-go: ## the benchmarks of every package
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target, FUZZTIME each
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

crash: needs ## the alert service is killed CRASHES times on each server, 300 if not said
	CRASHES=$(or $(CRASHES),300) $(GO) test -count 1 -run '^TestCrash' -v -timeout 2h ./workgroups

soak: ## an hour's worth of random hostile traffic; SOAK=10m for less, SOAK_SEED=N to repeat, SOAK_SERVER=prosody or ejabberd
	SOAK=$(or $(SOAK),1h) $(GO) test -count 1 -run '^TestSoak$$' -v -timeout 2h ./cmd/adminbot

needs: ## what the tests of real servers and clients need, installed where it can be
	@.ci/needs

clean:
	rm -rf bin
