# Boots a systemd that believes it has a machine of its own. Run as root, as the
# first process of new pid, mount and ipc namespaces:
#
#     machine.sh NAME CGROUP PROGRAM
#
# NAME becomes its host name, CGROUP a cgroup that is made for it, and the folder
# PROGRAM, if any, is seen there as /usr/lib/lanxfer. The file system is that of this
# machine below a layer in memory: nothing written there stays. Nothing here has
# a name outside, save the cgroup, which machine.ts removes.
set -eu
name=$1
cgroup=$2
program=$3

mount --make-rprivate /

# A cgroup of its own, wherever this machine has that hierarchy and whatever else
# it has beside it. What is started from here on is in it, and sees it as "/".
if [ "${LANXFER_STAGE:-1}" = 1 ]; then
  mount -t tmpfs -o mode=755 machine /run
  mkdir /run/cgroup /run/upper /run/work /run/root
  mount -t cgroup2 cgroup2 /run/cgroup
  mkdir "/run/cgroup/$cgroup"
  echo $$ >"/run/cgroup/$cgroup/cgroup.procs"
  export LANXFER_STAGE=2
  exec unshare --cgroup sh "$0" "$@"
fi

root=/run/root
mount -t overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work overlay $root
mount -t proc -o nosuid,noexec,nodev proc $root/proc
mount -t sysfs -o ro,nosuid,noexec,nodev sysfs $root/sys
mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs $root/run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs $root/tmp

mount -t tmpfs -o mode=755,nosuid,noexec tmpfs $root/dev
for device in null zero full random urandom tty; do
  touch $root/dev/$device
  mount --bind /dev/$device $root/dev/$device
done
mkdir $root/dev/pts $root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts $root/dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs $root/dev/shm
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd

# Nothing of what this machine starts is started there, and nothing that would
# reach through to its kernel: /proc/sys is the same in both.
rm -rf $root/etc/systemd/system/*.wants $root/etc/systemd/user/*.wants $root/etc/rc?.d/*
for unit in getty.target console-getty.service systemd-udevd.service systemd-udev-trigger.service \
  systemd-networkd.service systemd-resolved.service systemd-timesyncd.service ssh.service \
  systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service systemd-random-seed.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount; do
  ln -sf /dev/null $root/etc/systemd/system/$unit
done
: >$root/etc/fstab
: >$root/etc/machine-id
rm -f $root/etc/nologin
echo "$name" >$root/etc/hostname

if [ -n "$program" ]; then
  mkdir -p $root/usr/lib/lanxfer
  mount --bind "$program" $root/usr/lib/lanxfer
fi

mkdir $root/run/old
cd $root
pivot_root . run/old
umount -l run/old
rmdir run/old

exec env -i container=lanxfer PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  /lib/systemd/systemd --system --unit=multi-user.target --show-status=0
