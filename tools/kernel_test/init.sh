#!/bin/busybox sh
# The first program of the emulated machine, from its initramfs: mounts the drive, runs the suites that are on it, and
# switches the machine off. What begins with @@ is for tools/kernel-test.
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /drive
/bin/busybox --install -s /bin

give_up() {
    echo "@@ broken $*"
    poweroff -f
}

mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev || give_up "no devtmpfs"
while read -r module parameters; do
    # shellcheck disable=SC2086
    insmod "/modules/$module" $parameters || give_up "the module $module can't be loaded"
done </modules/order

waited=0
while [ ! -b /dev/nvme0n1 ]; do
    waited=$((waited + 1))
    [ $waited -le 100 ] || give_up "the drive does not appear"
    usleep 100000
done
mount -t ext4 /dev/nvme0n1 /drive || give_up "the drive can't be mounted"
mount --bind /proc /drive/proc
mount --bind /sys /drive/sys
mount --bind /dev /drive/dev
mkdir -p /drive/dev/shm /drive/dev/pts
mount -t tmpfs none /drive/dev/shm
mount -t devpts none /drive/dev/pts

ip link set lo up || give_up "no loopback"
ulimit -n 20000
echo "@@ kernel $(uname -r)"
echo "@@ drive polled: $(cat /sys/block/nvme0n1/queue/io_poll)"
chroot /drive /bin/sh /suites
echo "@@ finished"
sync
poweroff -f
