# make demo   build, run the shipped scenario, say where the report is
# make test   everything that must hold; says loudly what could not be tested
# make bench  the load generator beside others; ROUNDS=3 is quicker
# make simulate error rates of verdicts and intervals into docs/method.md
# make build  bin/plimsoll, one static binary
# make images what the real stacks in fixtures/twip run; needs Docker

export CGO_ENABLED := 0
BIN := bin/plimsoll
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Packages whose tests exercise goroutines; the race detector needs cgo.
RACE := ./fixtures/... ./results ./runner/...

# Tests that hold measured numbers against known truths. They want the machine
# for themselves; go test runs packages side by side.
TRUTH := ^Test(CountsAgreeExactly|CPUPerRequestIsTrue|PercentilesAreTrue|AgreesWithAB|FreezeIsTrue|StartUpTakesNoLongerThanCompose|StarvedWorkerIsInvalid|GateOnStacks)$$

ROUNDS ?= 10

.PHONY: build images demo bench simulate test vet unit truth race cross prepare clean

build:
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/plimsoll

images:
	@scripts/images

demo: build
	$(BIN) run twip --engine auto

# The tables go into docs/performance.md, the samples beside the peers.
bench: build
	@PLIMSOLL_PREPARE=bench scripts/prepare
	go build -trimpath -o bin/sidebyside ./cmd/sidebyside
	bin/sidebyside --rounds $(ROUNDS) --long --out .bench/samples.json --doc docs/performance.md $(BENCH)

# Ten times what go test plays; the tables go into docs/method.md and docs/findings.md.
simulate:
	PLIMSOLL_SIMULATE=nightly go test -count=1 -p 1 -timeout 15m -v ./results/analysis/gate ./results/analysis/within ./results/analysis/capacity ./results/analysis/size ./results/steady
	PLIMSOLL_SIMULATE=nightly go test -count=1 -timeout 15m -v -run Simulated ./results/analysis

test: prepare vet cross build unit truth race
	@scripts/skipped report

prepare:
	@scripts/prepare
	@scripts/skipped reset

vet:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "run gofmt -w on the files above" >&2; exit 1; }
	go vet ./...
	go tool staticcheck ./...

# What only Linux can do is behind build tags; the rest builds everywhere.
cross:
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...

unit truth race: export PLIMSOLL_SKIPPED := $(CURDIR)/.skipped-tests

unit:
	go test -timeout 30m -p 1 -skip '$(TRUTH)' ./...

truth:
	go test -timeout 20m -p 1 -run '$(TRUTH)' ./runner/bench ./cmd/plimsoll

race:
	@if go env CC >/dev/null && command -v $$(go env CC) >/dev/null; then \
		CGO_ENABLED=1 go test -race -short -timeout 20m $(RACE); \
	else \
		echo "race detector: no C compiler ($$(go env CC))" >> $(CURDIR)/.skipped-tests; \
	fi

clean:
	rm -rf bin .skipped-tests
