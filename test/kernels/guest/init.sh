#!/bin/busybox sh
# shellcheck shell=dash
# Init of the guest: mounts file systems, loads modules, runs the check, powers off.
# Standard output is the console; the report goes to the serial port $REPORT from the kernel's command line.
PATH=/bin
/bin/busybox --install /bin

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t securityfs security /sys/kernel/security
mount -t cgroup2 cgroup /sys/fs/cgroup
echo '+cpu +io +memory' >/sys/fs/cgroup/cgroup.subtree_control

for module in /modules/*.ko; do
	insmod "$module" || echo "insmod $module failed"
done
mount -t ext4 /dev/vda /disk
ip link set lo up

cd /kernscale && node test/kernels/guest/check.js >"$REPORT"
echo "the check ended with status $?"
poweroff -f
