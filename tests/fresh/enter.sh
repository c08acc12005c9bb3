#!/bin/bash
# Called by root.py as the first process of new namespaces:
#
#     enter.sh ROOT CHECKOUT [FOLDER:INSIDE]... -- COMMAND...
#
# Makes ROOT the root, mounts in it what a machine has and each FOLDER at ROOT/INSIDE, and runs init.sh there.
set -euo pipefail

root=$1 checkout=$2
shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0" "fuse 10 229"; do
        read -r name major minor <<<"$node"
        mknod -m 666 "dev/$name" c "$major" "$minor"
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%:*}" "dev/${stream#*:}"; done
mount -t tmpfs -o mode=755 tmpfs run
mkdir run/lock
while [ "$1" != -- ]; do
        mount --bind "${1%%:*}" "${1#*:}"
        shift
done
shift
hostname fresh
sed -i '1i 127.0.0.1 fresh' etc/hosts
pivot_root . mnt
umount -l /mnt
exec /bin/bash "/$checkout/tests/fresh/init.sh" "$checkout" "$@"
