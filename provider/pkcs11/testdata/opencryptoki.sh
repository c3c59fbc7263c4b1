#!/bin/bash
# Runs a command with an openCryptoki of its own: opencryptoki.sh FOLDER COMMAND [ARGUMENT ...]
#
# FOLDER is where its packages were unpacked, or / when they are installed. The daemon, its configuration and the token live
# in namespaces of their own and in memory: nobody outside sees them, a daemon that runs on the machine is not touched, and
# all of it ends with the command. The command finds the token in the variables of module_test.go. Exit code 77: this
# machine does not let us make such namespaces.
set -eu

if [ -z "${SIGNET_INSIDE:-}" ]; then
  space=(unshare --mount --ipc --pid --fork --kill-child --mount-proc)
  [ "$(id -u)" -eq 0 ] || { space+=(--map-root-user); export SIGNET_MAPPED=1; }
  "${space[@]}" true 2>/dev/null || exit 77
  SIGNET_INSIDE=1 exec "${space[@]}" "$0" "$@"
fi

folder=${1%/}
shift
mount -t tmpfs tmpfs /mnt || exit 77
for d in /etc /usr/sbin /var/lib /var/log; do
  mkdir -p "/mnt/upper$d" "/mnt/work$d"
  mount -t overlay overlay -o "lowerdir=$d,upperdir=/mnt/upper$d,workdir=/mnt/work$d" "$d" || exit 77
done
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run

# Later versions want more files of configuration than the one that is written below.
mkdir /mnt/conf
cp "$folder"/etc/opencryptoki/*.conf /mnt/conf/ 2>/dev/null || true

# The group that may use the tokens, and the user that the daemon becomes in later versions. Who is not root outside can be
# nobody but root here, which is enough for the versions whose daemon stays root.
id=64987
[ -z "${SIGNET_MAPPED:-}" ] || id=0
{ echo pkcs11:x:$id:root; grep -v '^pkcs11:' /etc/group; } >/mnt/group
{ grep -v '^pkcsslotd:' /etc/passwd; echo pkcsslotd:x:$id:$id::/:/bin/false; } >/mnt/passwd
mount --bind /mnt/group /etc/group
mount --bind /mnt/passwd /etc/passwd
for d in /etc/opencryptoki /run/opencryptoki /run/lock/opencryptoki /var/lib/opencryptoki /var/log/opencryptoki; do
  mkdir -p $d
  mount -t tmpfs -o mode=770,uid=$id,gid=$id tmpfs $d
done
cp /mnt/conf/*.conf /etc/opencryptoki/ 2>/dev/null || true
mkdir -p /var/lib/opencryptoki/swtok/TOK_OBJ /run/lock/opencryptoki/swtok
chmod -R 770 /var/lib/opencryptoki /run/lock/opencryptoki
printf 'version opencryptoki-3.8\n\nslot 3\n{\nstdll = libpkcs11_sw.so\n}\n' >/etc/opencryptoki/opencryptoki.conf
chown -R 0:$id /etc/opencryptoki /var/lib/opencryptoki /run/lock/opencryptoki
chmod 640 /etc/opencryptoki/*

modules=("$folder"/usr/lib*/*/pkcs11/libopencryptoki.so "$folder"/usr/lib*/pkcs11/libopencryptoki.so)
for m in "${modules[@]}"; do [ -e "$m" ] && SIGNET_TEST_MODULE=$m; done
base=$(dirname "$(dirname "$SIGNET_TEST_MODULE")")
export LD_LIBRARY_PATH=$base/opencryptoki/stdll:$base/opencryptoki:$base
export SIGNET_TEST_MODULE SIGNET_TEST_TOKEN=signet SIGNET_TEST_PIN=1234 SIGNET_TEST_WRONG_PIN=9876
export SIGNET_TEST_DAEMON=/usr/sbin/pkcsslotd # its parts find each other by a file of this name
[ -z "$folder" ] || cp "$folder$SIGNET_TEST_DAEMON" $SIGNET_TEST_DAEMON

tool=$folder/usr/sbin/pkcsconf
{
  timeout 10 $SIGNET_TEST_DAEMON # goes into the background
  for _ in $(seq 50); do # until it listens
    "$tool" -t >/dev/null 2>&1 && break
    sleep 0.1
  done
  printf '87654321\nsignet\n' | "$tool" -I -c 3
  "$tool" -P -c 3 -S 87654321 -n 76543210
  "$tool" -u -c 3 -S 76543210 -n $SIGNET_TEST_PIN
} >/mnt/log 2>&1 || { cat /mnt/log >&2; exit 1; }
"$@"
