#!/bin/sh
# Makes this machine ready to be an image: sh image.sh PACKAGE... installs Node and the packages, and takes away what is this
# one machine's own. Whatever stayed would be in every machine launched from the image.
set -eu
export DEBIAN_FRONTEND=noninteractive

node=$(command -v node || :)
[ -n "$node" ] || set -- nodejs "$@"
if [ $# -gt 0 ]; then
  apt-get update
  apt-get install -y --no-install-recommends "$@"
  apt-get clean
fi

# haulout, if it ever ran here: who this machine was, and what was activated on it.
if [ -d /run/systemd/system ]; then systemctl disable --now haulout.service 2> /dev/null || :; fi
rm -rf /var/lib/haulout /var/log/haulout /etc/haulout /etc/systemd/system/haulout.service /usr/local/bin/haulout

# User-data of this machine: the script stays where it ran, and cloud-init's marks say that it has.
if command -v cloud-init > /dev/null; then cloud-init clean --logs || :; fi
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem /var/log/cloud-init*.log

# Keys and names that must be made anew on each machine, and who logged in here.
rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
rm -f /root/.*_history /home/*/.*_history /var/lib/systemd/random-seed /var/lib/dbus/machine-id
[ ! -e /etc/machine-id ] || : > /etc/machine-id
rm -rf /var/lib/apt/lists/* /tmp/* /var/tmp/*
