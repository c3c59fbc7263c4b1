#!/usr/bin/env bash
# The main job on real input: N files of 1 KiB to 1 MiB, some of them unreadable, signed with an RSA-2048 and a P-256 key
# by the command line; every container is verified by OpenSSL, and order, errors and exit code are checked.
#
#   scripts/main-job.sh [N]      10000 by default
set -euo pipefail
cd "$(dirname "$0")/.."
N=${1:-10000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/signet" ./cmd/signet

head -c 1048576 /dev/urandom >"$dir/noise"
mkdir "$dir/in"
for ((i = 0; i < N; i++)); do
  name=$(printf '%s/in/%05d' "$dir" "$i")
  if ((i % 1000 == 500)); then
    ln -s nowhere "$name"
  elif ((i % 1000 == 600)); then
    : >"$name"
    chmod 000 "$name"
  else
    # Sizes are spread evenly over their logarithm, so that small files are most.
    size=$(awk -v r="$((i * 7919 % 1000))" 'BEGIN { printf "%d", 1024 * 2 ^ (10 * r / 999) }')
    head -c "$size" "$dir/noise" >"$name"
    printf '%d' "$i" | dd of="$name" conv=notrunc status=none
  fi
done
chmod 755 "$dir" "$dir/in"

run=()
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
  # To root, every file is readable.
  run=(setpriv --reuid=65534 --regid=65534 --clear-groups env "HOME=$dir")
fi
unreadable=$(cd "$dir/in" && for f in *; do "${run[@]}" test -r "$f" || echo "$f"; done)
bad=$(wc -w <<<"$unreadable")

make_key() { # name, then arguments of openssl for the key
  local name=$1
  shift
  openssl req -x509 -newkey "$@" -nodes -keyout "$dir/$name.key" -out "$dir/$name.crt" -days 30 -subj "/CN=main job $name" \
    -addext keyUsage=digitalSignature 2>/dev/null
  openssl pkcs12 -export -inkey "$dir/$name.key" -in "$dir/$name.crt" -out "$dir/$name.p12" -passout pass:secret
  chmod 644 "$dir/$name.p12"
}
make_key rsa rsa:2048
make_key p256 ec -pkeyopt ec_paramgen_curve:P-256

for key in rsa p256; do
  out=$dir/out-$key
  mkdir "$out"
  chmod 777 "$out"
  status=0
  begin=$(date +%s.%N)
  SIGNET_PASSWORD=secret "${run[@]}" env SIGNET_PASSWORD=secret "$dir/signet" sign --key "$dir/$key.p12" --out "$out" --json "$dir/in" \
    >"$dir/$key.json" 2>"$dir/$key.err" || status=$?
  end=$(date +%s.%N)
  tail -n 1 "$dir/$key.err"
  [ "$status" -eq 1 ] || { echo "exit code $status instead of 1"; exit 1; }

  python3 - "$dir/$key.json" "$dir/$key.err" "$N" $unreadable <<'PY'
import json, sys
said = open(sys.argv.pop(2)).read()
rows = [json.loads(line) for line in open(sys.argv[1])]
n, bad = int(sys.argv[2]), set(sys.argv[3:])
names = [r["name"].rsplit("/", 1)[-1] for r in rows]
assert len(rows) == n, f"{len(rows)} objects for {n} files"
assert names == sorted(names), "the order is not that of the input"
for r, name in zip(rows, names):
    assert r["ok"] == (name not in bad), r
    assert r["ok"] or r["error"] and f"/{name}" in said, f"nothing is said of a file that failed: {r}"
print(f"order kept, {len(bad)} unreadable files each with an error of its own")
PY
  find "$out" -name '*.p7s' | sort >"$dir/list"
  count=$(wc -l <"$dir/list")
  [ "$count" -eq $((N - bad)) ] || { echo "$count containers instead of $((N - bad))"; exit 1; }
  [ -z "$(find "$out" -type f ! -name '*.p7s')" ] || { echo "something else was left in $out"; exit 1; }
  # shellcheck disable=SC2016
  xargs -P "$(nproc)" -n 50 sh -c '
    key=$1; dir=$2; shift 2
    for p7s; do
      name=$(basename "$p7s" .p7s)
      openssl cms -verify -cades -binary -inform DER -in "$p7s" -content "$dir/in/$name" -CAfile "$dir/$key.crt" -purpose any -out /dev/null 2>/dev/null || echo "$name"
    done' sh "$key" "$dir" <"$dir/list" >"$dir/refused"
  [ ! -s "$dir/refused" ] || { echo "OpenSSL refuses:"; head "$dir/refused"; exit 1; }
  awk -v b="$begin" -v e="$end" -v k="$key" -v c="$count" 'BEGIN { printf "%s: %d containers in %.1f s, each verified by openssl cms -verify -cades\n", k, c, e - b }'
done
