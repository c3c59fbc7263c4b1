#!/usr/bin/env bash
# Installs the programs that tests use as judges: OpenSSL, real PKCS #11 modules, Java and Maven for Bouncy Castle and DSS, pyHanko; and an
# emulator of a processor with AVX-512, where the real one has not, or with the argument "emulator". Where there is no apt-get, it says what is
# missing; the tests that need it then skip and say so, too.
set -u

# openCryptoki is unpacked and not installed: its package starts a daemon. The test that uses it has one of its own.
opencryptoki() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/signet-tests/opencryptoki
  [ -x "$folder/usr/sbin/pkcsslotd" ] || [ -x /usr/sbin/pkcsslotd ] && return
  command -v apt-get >/dev/null && mkdir -p "$folder" || return
  echo "Unpacking opencryptoki" >&2
  local packages=(opencryptoki libopencryptoki0)
  (cd "$folder" && { apt-get download -qq "${packages[@]}" || { "${sudo[@]}" apt-get update -qq && apt-get download -qq "${packages[@]}"; }; } >/dev/null 2>&1 &&
    for p in ./*.deb; do dpkg-deb -x "$p" . && rm "$p"; done) ||
    echo "Could not get opencryptoki; the test that needs it will be skipped." >&2
}

# An OpenSSL with ML-DSA (3.5 or newer) is the other side of quantum-safe signatures. Where the system has an older one, that of Debian 13
# is unpacked with its own C library, and run by its own loader. scripts/openssl4.sh builds a 4.0.
openssl35() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/signet-tests/openssl-3.5 keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -x "$folder/openssl" ] || openssl list -signature-algorithms 2>/dev/null | grep -q ML-DSA-65 && return
  [ -f "$keys" ] || { echo "There is no keyring of Debian, so no OpenSSL 3.5; tests of ML-DSA with it will be skipped." >&2; return; }
  echo "Unpacking OpenSSL 3.5" >&2
  local apt=$folder/apt
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" && : >"$apt/status"
  echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" >"$apt/sources.list"
  local options=(-qq -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/sources.list"
    -o Dir::Etc::sourceparts=/dev/null -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Languages=none)
  if (cd "$folder" && apt-get "${options[@]}" update && apt-get "${options[@]}" download openssl libssl3t64 openssl-provider-legacy libc6 libzstd1 zlib1g &&
    for p in ./*.deb; do dpkg-deb -x "$p" . && rm "$p" || exit; done) >/dev/null 2>&1; then
    cat >"$folder/openssl" <<'END'
#!/bin/sh
folder=$(dirname "$(readlink -f "$0")")
libraries=$(echo "$folder"/usr/lib/*-linux-gnu)
export OPENSSL_MODULES="$libraries/ossl-modules" OPENSSL_CONF="${OPENSSL_CONF:-$folder/etc/ssl/openssl.cnf}"
exec "$libraries"/ld-linux-*.so.* --library-path "$libraries" "$folder/usr/bin/openssl" "$@"
END
    chmod +x "$folder/openssl"
  else
    echo "Could not get OpenSSL 3.5; tests of ML-DSA with it will be skipped." >&2
  fi
  rm -rf "$apt"
}

# The kernel of Debian, only unpacked, for the emulated processor of scripts/avx512.sh.
kernel() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/signet-avx512
  [ -n "$emulated" ] && [ ! -e "$folder/vmlinuz" ] && mkdir -p "$folder" || return 0
  echo "Unpacking a kernel for the emulated processor" >&2
  local get
  get=$(mktemp -d)
  (cd "$get" || exit
    name() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1; }
    [ -n "$(name)" ] || "${sudo[@]}" apt-get update -qq
    apt-get download "$(name)" && dpkg-deb -x ./*.deb . && cp boot/vmlinuz-* "$folder/vmlinuz.new" && mv "$folder/vmlinuz.new" "$folder/vmlinuz") >/dev/null 2>&1 ||
    echo "Could not get a kernel (linux-image-cloud-amd64); tests in an emulated processor will be skipped." >&2
  rm -rf "$get"
}

# pyHanko is a judge of signed PDF documents. It gets a folder of its own, so that no Python of the system is changed.
pyhanko() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/signet-tests/pyhanko
  "$folder/bin/python" -c 'import pyhanko' 2>/dev/null || python3 -c 'import pyhanko' 2>/dev/null && return
  command -v python3 >/dev/null || { echo "There is no python3, so no pyHanko; the test that needs it will be skipped." >&2; return; }
  echo "Installing pyHanko" >&2
  { python3 -m venv "$folder" && "$folder/bin/pip" -q install 'pyHanko==0.38.0'; } >/dev/null 2>&1 ||
    echo "Could not install pyHanko; the test that needs it will be skipped." >&2
}

declare -A package=(
  [openssl]=openssl [gcc]=gcc [softhsm2-util]=softhsm2 [pkcs11-tool]=opensc [p11-kit]=p11-kit
  [certutil]=libnss3-tools [javac]=default-jdk-headless [mvn]=maven [swtpm]=swtpm [curl]=curl [systemd-analyze]=systemd [chromium]=chromium
  [pdftotext]=poppler-utils [certtool]=gnutls-bin [valgrind]=valgrind
)
missing=()
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
[ -f /usr/include/stdlib.h ] || missing+=(libc6-dev) # gcc only recommends it
[ -f /usr/include/p11-kit-1/p11-kit/pkcs11.h ] || missing+=(libp11-kit-dev)
[ -x /usr/lib/wine/wine64 ] || command -v wine64 >/dev/null || missing+=(wine64)
command -v x86_64-w64-mingw32-gcc >/dev/null || missing+=(gcc-mingw-w64-x86-64)
[ -f /usr/include/openssl/cms.h ] || missing+=(libssl-dev)
[ -f /usr/include/gcrypt.h ] || missing+=(libgcrypt20-dev)
[ -f /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates) # for modules from proxies
[ -f /usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so ] || ls /usr/lib/*/pkcs11/p11-kit-client.so >/dev/null 2>&1 || missing+=(p11-kit-modules)
ls /usr/lib/*/pkcs11/libtpm2_pkcs11.so >/dev/null 2>&1 || missing+=(libtpm2-pkcs11-1)
ls /usr/lib/*/libtss2-tcti-swtpm.so.0 >/dev/null 2>&1 || missing+=(libtss2-tcti-swtpm0)
ls /usr/lib/*/engines-3/gost.so >/dev/null 2>&1 || missing+=(libengine-gost-openssl)
# Cards: the daemon starts by itself where there is systemd; tests have one of their own.
[ -x /usr/sbin/pcscd ] || missing+=(pcscd)
ls /usr/lib*/pcsc/drivers/serial/libifdvpcd.so >/dev/null 2>&1 || missing+=(vsmartcard-vpcd)
ls /usr/lib/*/libykcs11.so.[0-9] >/dev/null 2>&1 || missing+=(ykcs11)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv) # brings python3
emulated=
if [ "${1:-}" = emulator ] || { [ "$(uname -m)" = x86_64 ] && ! grep -qw avx512ifma /proc/cpuinfo 2>/dev/null; }; then
  emulated=yes
  for p in bochs bochs-sdl bochsbios vgabios isolinux syslinux-common genisoimage cpio; do
    dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p")
  done
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null && sudo=(sudo -n)
fi
[ ${#missing[@]} -eq 0 ] && { opencryptoki; openssl35; kernel; pyhanko; exit 0; }

if ! command -v apt-get >/dev/null; then
  echo "Not installed, and there is no apt-get: ${missing[*]}. The tests that need them will be skipped." >&2
  pyhanko
  exit 0
fi
echo "Installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq >/dev/null 2>&1
for p in "${missing[@]}"; do # one by one, so that one that cannot be had does not cost the others
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$p" >/dev/null 2>&1 ||
    echo "Could not install $p; the tests that need it will be skipped." >&2
done
opencryptoki
openssl35
kernel
pyhanko
