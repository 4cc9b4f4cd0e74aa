# The product's commands. CI calls these and nothing else.

SHELL := /bin/bash
.DEFAULT_GOAL := help
GOBUILD := go build -trimpath -ldflags "-s -w"
GOFILES := $(shell find . -name '*.go' -not -path './cmd/temporald/*' -not -path '*/node_modules/*' 2>/dev/null)
# Tests share two cores with PostgreSQL, Temporal and Chromium.
TESTFLAGS ?= -p 2 -timeout 30m

export TOASOAN_DATA ?= ./data
export TOASOAN_INSTALL ?= 1

BENCHES := bench-mail bench-portal bench-approval bench-publish bench-views bench-search bench-board bench-subscribers bench-start

.PHONY: $(BENCHES) help run test check bench demo faults faults-unscaled schema histories pictures vuln build clean lint generated tools FORCE

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: bin/toasoan ## set up and start the whole newsroom with demo content (TOASOAN_DEMO=0: empty)
	@$(MAKE) --no-print-directory bin/temporald & exec bin/toasoan run

test: bin/temporald ## set up and run every test against real servers
	go run ./internal/testkit/servers -- go test $(TESTFLAGS) ./...
	cd cmd/temporald && go test ./...

check: lint generated ## formatting, vet, linters, workflowcheck, generated files
	go vet ./...
	cd cmd/temporald && go vet ./...
	bin/workflowcheck ./workflows/...

lint: bin/golangci-lint bin/workflowcheck
	bin/golangci-lint run ./...

generated: ## files that are made from others are up to date
	go test ./newsroom -run TestDocsShowTheTable -count=1
	go mod tidy -diff
	cd internal/web/assets && npm ci --silent --no-audit --no-fund && npm run --silent check

vuln: ## known vulnerabilities (needs the vulnerability database)
	cd internal/tools && go tool govulncheck -C ../.. ./...

bench: bin/temporald ## benchmarks, as a table and bench.json (QUICK=1: in minutes; bench-mail, bench-portal, … for parts)
	go run ./internal/bench $(if $(QUICK),-quick)

$(BENCHES): bench-%: bin/temporald
	go run ./internal/bench $(if $(QUICK),-quick) $*

demo: bin/toasoan bin/temporald ## walk one article from draft to mailbox
	bin/toasoan demo

# docs/faults.md says which test shows what. TOASOAN_FAULTS_SEED=n draws other points.
FAULTS := ./internal/mail/... ./internal/bounce/... ./internal/inbox/... ./internal/reply ./internal/store ./internal/web ./internal/testkit/...
CAMPAIGN := go test -count=1 -v -parallel 4 ./cmd/toasoan
FAULTS_TIMEOUT ?= 30m
SHOW := grep -vE '^ *(=== |--- PASS)|courier said: $$'

faults: bin/temporald ## break the mail side in every way that docs/faults.md lists, within 30 minutes, and write its table
	go run ./internal/testkit/servers -- go test -count=1 $(FAULTS)
	for f in mail:FuzzSubject mail:FuzzReply bounce:FuzzParse text:FuzzEmail; do \
	  go test ./internal/$${f%:*} -run '^$$' -fuzz "^$${f#*:}$$" -fuzztime 20s || exit 1; done
	set -o pipefail; go run ./internal/testkit/servers -- $(CAMPAIGN) -timeout $(FAULTS_TIMEOUT) -run '^(TestFaults|TestLane.*)$$' -args -faults $(CURDIR)/docs/faults.md | $(SHOW)

faults-unscaled: ## sit out a handful of faults with every wait as in production, about 25 minutes, and write their table
	set -o pipefail; go run ./internal/testkit/servers -- $(CAMPAIGN) -timeout 60m -parallel 10 -run '^TestFaultsUnscaled$$' -args -faults-unscaled $(CURDIR)/docs/faults.md | $(SHOW)

schema: ## print the whole schema
	@cat migrations/*.sql

histories: bin/temporald ## record the workflows' runs anew for the replay tests, and say which changed (ten minutes: one waits)
	set -o pipefail; go run ./internal/testkit/servers -- go test ./workflows ./cmd/toasoan -run TestSaveHistor -count=1 -timeout 20m -save -v | \
	  sed -nE 's/^ +[a-z_]+\.go:[0-9]+: (.*: (saved|as before|CHANGED.*))/  \1/p; /^(---|FAIL|ok|panic)/p'
	go test ./workflows -run Replay -count=1

pictures: bin/toasoan bin/temporald ## photograph the running product for README and docs
	go run ./internal/testkit/servers -- go test ./cmd/toasoan -run TestPictures -count=1 -pictures

build: bin/toasoan bin/temporald ## build both binaries

bin/toasoan: FORCE
	@$(GOBUILD) -o $@ ./cmd/toasoan

# Temporal's server is large: about five minutes on two cores the first time, seconds afterwards. `make run` builds it while the
# portal answers already.
bin/temporald: cmd/temporald/go.mod cmd/temporald/go.sum $(wildcard cmd/temporald/*.go)
	@cd cmd/temporald && total=$$(go list -deps . | wc -l) && \
	  echo "Building the Temporal server: $$total packages, about 5 minutes on two cores the first time." && \
	  set -o pipefail && $(GOBUILD) -v -o ../../bin/temporald.new . 2>&1 | \
	  awk -v total=$$total '/^[a-z0-9_.\/-]+$$/ { n++; if (n % 100 == 0) { printf "  Temporal server: %d of at most %d packages\n", n, total; fflush() } next } { print }' && \
	  mv ../../bin/temporald.new ../../bin/temporald && echo "The Temporal server is built."

tools: bin/golangci-lint bin/workflowcheck ## build the linters at their pinned versions

bin/golangci-lint bin/workflowcheck: internal/tools/go.mod
	cd internal/tools && go build -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint go.temporal.io/sdk/contrib/tools/workflowcheck

clean: ## remove what was built; the data folder stays
	rm -rf bin bench.json

FORCE:
