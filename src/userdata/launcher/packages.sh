# The last resort: a Node that this system's own archive offers, if that is new enough; nothing is installed to find out.
offered() {
  supported "$1" && return
  why="$why; the nodejs of this system's archive is ${1:-none}"
  return 1
}
# The lists have a lock of their own, which apt does not wait for: another's update at boot is waited for here.
apt_update() {
  begun=$(seconds_up)
  until timeout 300 apt-get -q update; do
    [ $(($(seconds_up) - begun)) -lt 300 ] || return
    sleep 5
  done
}
by_packages() {
  if has apt-get; then
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    apt_update
    offered "$(apt-cache policy nodejs | sed -n 's/ *Candidate: //p')" &&
      timeout 900 apt-get -qy -o DPkg::Lock::Timeout=300 --no-install-recommends install nodejs
  elif has dnf; then
    timeout 300 dnf -qy module enable nodejs:22 2>/dev/null
    for name in nodejs24 nodejs22 nodejs; do
      offered "$(timeout 300 dnf -q info $name 2>/dev/null | sed -n 's/^Version *: *//p' | tail -n 1)" &&
        timeout 900 dnf -qy install $name && return
    done
  elif has apk; then
    timeout 600 apk --wait 300 -q update
    offered "$(apk search -x nodejs | sed -n 's/^nodejs-//p')" && timeout 900 apk --wait 300 -q add nodejs
  elif has zypper; then
    export ZYPP_LOCK_TIMEOUT=300
    timeout 900 zypper -nq install --no-recommends nodejs24 || timeout 900 zypper -nq install --no-recommends nodejs22
  fi >&2 </dev/null
}
