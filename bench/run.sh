#!/bin/sh
# Runs the benchmarks and prints tables of benchstat, each implementation beside the floor.
#
#   ./run.sh                    everything, about 12 minutes on two cores
#   ./run.sh sign batch         some of: sign attached batch file stream
#
# From the environment: COUNT (6), BENCHTIME (0.3s), ITEMS of a batch (10000), MIB of the file (1024), CONTENTS of the
# stream (1000000), ALG a regular expression of algorithms (all), OUT the folder for the raw results (out).
set -eu
cd "$(dirname "$0")"

COUNT=${COUNT:-6}
BENCHTIME=${BENCHTIME:-0.3s}
ITEMS=${ITEMS:-10000}
MIB=${MIB:-1024}
CONTENTS=${CONTENTS:-1000000}
ALG=${ALG:-.}
OUT=${OUT:-out}
BENCHSTAT=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
IMPL='/impl@(floor signet mozilla smallstep ietf-cms openssl-floor openssl sign sign-to sign-to-stream)'

mkdir -p "$OUT"
go test -c -o "$OUT/bench.test" .
trap 'rm -f "$OUT/bench.test" "$OUT/resources"' EXIT

bench() { # name, then arguments of the test binary
	name=$1
	shift
	echo "== $name" >&2
	"$OUT/bench.test" -test.run '^$' -test.count "$COUNT" -items "$ITEMS" "$@" >"$OUT/$name.txt"
}

table() { # name, then arguments of benchstat
	name=$1
	shift
	echo
	echo "== $name ($OUT/$name.txt)"
	go run "$BENCHSTAT" "$@" "$OUT/$name.txt" 2>&1 | tee "$OUT/$name.benchstat.txt"
}

[ $# -gt 0 ] || set -- sign attached batch file stream
for part in "$@"; do
	case $part in
	sign)
		# A content of 1 MiB is a matter of the hash; with a large RSA key it shows nothing new and takes long.
		bench sign -test.bench "^BenchmarkSign$/alg=($ALG)" -test.skip '/alg=rsa-(3072|4096)/size=1MiB' -test.benchtime "$BENCHTIME"
		table sign -filter '.unit:(sec/op OR B/op OR allocs/op)' -row .name,/alg,/size -col "$IMPL"
		;;
	attached)
		bench attached -test.bench '^BenchmarkAttached$' -test.benchtime "$BENCHTIME"
		table attached -filter '.unit:(sec/op OR B/op OR allocs/op)' -row .name,/alg,/size -col "$IMPL"
		;;
	batch)
		# Which library is faster one by one, the other table tells; here it is about one core and two.
		# A process for each number of processors, in turn: the list of -test.cpu does not hold for benchmarks in benchmarks.
		: >"$OUT/batch.txt"
		for turn in $(seq "$COUNT"); do
			for cpu in 1 2; do
				"$OUT/bench.test" -test.run '^$' -items "$ITEMS" -test.bench "^BenchmarkBatch$/alg=($ALG)/size=/impl=(signet|floor|mozilla)$" \
					-test.skip '/alg=(rsa-3072|rsa-4096|ecdsa-p384)|/alg=(rsa-2048|ed25519)/size=1MiB|/alg=rsa-2048/size=1KiB/impl=mozilla' -test.benchtime 2x -test.cpu "$cpu" >>"$OUT/batch.txt"
			done
		done
		table batch -filter '.unit:(sec/op OR items/s)' -row .name,/alg,/size,/impl -col /gomaxprocs
		;;
	file)
		echo "== file" >&2
		go build -o "$OUT/resources" ./cmd/resources
		"$OUT/resources" -count "$COUNT" -mib "$MIB" file >"$OUT/file.txt"
		table file -row .name,/alg,/size -col '/mode@(sha256 detached batch-detached attached attached-stream batch-attached)'
		;;
	stream)
		echo "== stream" >&2
		go build -o "$OUT/resources" ./cmd/resources
		"$OUT/resources" -count 1 -contents "$CONTENTS" stream >"$OUT/stream.txt"
		echo
		cat "$OUT/stream.txt"
		;;
	*)
		echo "run.sh: say some of sign, attached, batch, file, stream" >&2
		exit 2
		;;
	esac
done
