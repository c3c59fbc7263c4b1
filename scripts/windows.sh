#!/usr/bin/env bash
# Runs the tests of calls of PKCS #11 modules as a program of Windows, under Wine, with a module that a C compiler of Windows has made:
# a CK_ULONG of 32 bits, packed structures, LoadLibraryEx. On Debian: apt-get install wine64 gcc-mingw-w64-x86-64 libp11-kit-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
gcc=x86_64-w64-mingw32-gcc header=/usr/include/p11-kit-1/p11-kit
wine=$(command -v wine64 || ls /usr/lib/wine/wine64 2>/dev/null || true)
for needed in "$wine" "$(command -v "$gcc" || true)" "$(ls -d "$header" 2>/dev/null || true)"; do
  [ -n "$needed" ] || { echo "SKIPPED: Wine, $gcc or $header is not here (apt-get install wine64 gcc-mingw-w64-x86-64 libp11-kit-dev)"; exit 0; }
done
work=$(mktemp -d)
export WINEPREFIX=$work/prefix WINEDEBUG=-all
trap '"${wine%/*}/wineserver" -k 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/include"
ln -s "$header" "$work/include/p11-kit" # the folder above has nothing of Windows in it
"$gcc" -O2 -shared -I "$work/include" -o "$work/echo.dll" provider/pkcs11/internal/p11/testdata/echo.c
GOOS=windows CGO_ENABLED=0 go test -c -o "$work/p11.exe" ./provider/pkcs11/internal/p11
"$wine" wineboot --init >/dev/null 2>&1
# Go takes its random numbers from this library, which Wine has since 9.0.
if [ ! -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ]; then
  printf '%s\n' '#include <windows.h>' 'BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);' \
    '__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }' >"$work/random.c"
  "$gcc" -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$work/random.c" -ladvapi32
fi
SIGNET_TEST_ECHO="Z:${work//\//\\}\\echo.dll" "$wine" "$work/p11.exe" -test.v
