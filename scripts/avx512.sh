#!/usr/bin/env bash
# Runs the tests of packages, one after the other, on an emulated processor that has AVX-512 IFMA, where the real one has not:
#
#   scripts/avx512.sh ./internal/lanes/p256lanes ./internal/lanes/gostlanes -test.run Verify -test.v
#
# The emulator is Bochs 2.7, some hundred times slower than a processor, and Linux starts in it in a minute: what is tested is whether
# results are right, never how fast they come. A package is built without cgo; its folder testdata and its assembly come along.
# With SIGNET_STEPS=short (or all, or calibration) the calls that scripts/steps.sh compares are made instead of tests.
# AVX512_MODEL chooses another of the processors that "bochs --help cpu" lists, AVX512_TIME the seconds after which it is ended (900).
set -euo pipefail
cd "$(dirname "$0")/.."
packages=()
while [ $# -gt 0 ] && [[ $1 != -* ]]; do
  packages+=("$1")
  shift
done
[ ${#packages[@]} -gt 0 ] || { echo "usage: scripts/avx512.sh PACKAGE... [-test.FLAG...]" >&2; exit 2; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/signet-avx512
here() {
  local p
  for p in bochs genisoimage cpio; do command -v "$p" >/dev/null || return; done
  [ -e "$cache/vmlinuz" ] && [ -e /usr/lib/ISOLINUX/isolinux.bin ]
}
here || scripts/tools.sh emulator
here || { echo "SKIPPED: the emulator is not here, and could not be installed as scripts/tools.sh does it"; exit 0; }
work=$(mktemp -d)
emulator=
trap '[ -z "$emulator" ] || { pkill -P "$emulator"; kill "$emulator"; } 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$work/root/tests" "$work/iso/isolinux"
# This emulator computes some instructions wrongly: ADCX and ADOX, those of SHA, and one that the newer garbage collector of Go uses.
export CGO_ENABLED=0 GOEXPERIMENT=nogreenteagc
go build -o "$work/root/init" ./scripts/avx512
for package in "${packages[@]}"; do
  IFS=$'\t' read -r folder name < <(go list -f $'{{.Dir}}\t{{.ImportPath}}' "$package")
  place=$work/root/tests/${name//\//:}
  mkdir "$place"
  go test -c -o "$place/test" "$package"
  [ ! -d "$folder/testdata" ] || cp -r "$folder/testdata" "$place/"
  cp "$folder"/*.s "$place/" 2>/dev/null || true
done
printf '%s\n' "$@" > "$work/root/args"
if [ -n "${SIGNET_STEPS:-}" ]; then # see scripts/steps.sh
  (cd bench && go build -o "$work/root/step" ./lanes/step)
  printf %s "$SIGNET_STEPS" > "$work/root/steps"
fi
(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/iso/initrd.gz"
cp "$cache/vmlinuz" "$work/iso/"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/isolinux/"
# The kernel does not take what the emulator says of the order of saved registers, unless it is told to leave out the newest.
cat > "$work/iso/isolinux/isolinux.cfg" <<END
DEFAULT l
PROMPT 0
LABEL l
 KERNEL /vmlinuz
 APPEND initrd=/initrd.gz console=ttyS0,115200 quiet mitigations=off nokaslr panic=-1 noapic nolapic nohpet noxsaves noxsavec clearcpuid=pku,ospke,xsaves,xsavec,xgetbv1,smap,smep,umip,fsrm,erms,invpcid,pcid,rep_good,sha_ni GODEBUG=cpu.sha=off,cpu.adx=off
END
cd "$work"
genisoimage -quiet -o l.iso -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table iso
cat > bochsrc <<END
cpu: model=${AVX512_MODEL:-corei7_icelake_u}, count=1, ips=100000000, reset_on_triple_fault=0
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=l.iso, status=inserted
boot: cdrom
display_library: sdl2
com1: enabled=1, mode=file, dev=serial.txt
log: bochs.log
panic: action=fatal
clock: sync=none
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
plugin_ctrl: speaker=0
END
echo c > debugger
: > serial.txt
SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy setsid timeout "${AVX512_TIME:-900}" bochs -q -f bochsrc -rc debugger < /dev/null > bochs.out 2>&1 &
emulator=$!
tail -n +1 -s 1 -f serial.txt --pid=$emulator & 
printer=$!
# The emulated machine does not always switch itself off.
while kill -0 $emulator 2>/dev/null && ! grep -q '^ended: ' serial.txt; do sleep 1; done
sleep 2
pkill -P $emulator 2>/dev/null || true
kill $emulator 2>/dev/null || true
kill $printer 2>/dev/null || true
wait 2>/dev/null || true
# A machine that is too slow says nothing of the code; a test that fails says so before.
grep -q '^ended: ' serial.txt ||
  { echo "SKIPPED: the emulated machine was not through with ${packages[*]} after ${AVX512_TIME:-900} s (AVX512_TIME)"; exit 0; }
grep -q '^ended: <nil>' serial.txt
