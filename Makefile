# make test   installs what is missing and runs every test (the README's test command)
# make check  what CI runs beside the tests: vet, gofmt, staticcheck, builds without cgo, imports, tidiness
# make fuzz   every fuzz target, FUZZTIME each
# make bench  benchmarks with their peers, compared by benchstat
# make interop  the tests against programs of others only

FUZZTIME ?= 30s
PARALLEL ?= 2

.PHONY: test check fuzz bench interop tools

test: tools
	scripts/test.sh

tools:
	scripts/tools.sh

check:
	scripts/check.sh

fuzz:
	FUZZTIME=$(FUZZTIME) PARALLEL=$(PARALLEL) scripts/fuzz.sh

bench:
	bench/run.sh

interop: tools
	go test -count=1 -v ./interop/...
