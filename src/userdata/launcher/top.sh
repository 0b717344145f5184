set -u
umask 077
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
HOME=${HOME:-/root}
export PATH HOME
say() {
  printf 'haulout: %s\n' "$1" >&2
}
fail() {
  say "$2"
  [ ! -c "$root/dev/console" ] || (say "$2" 2>"$root/dev/console") 2>/dev/null
  exit "$1"
}
supported() {
  major=${1#v}
  minor=${major#*.}
  major=${major%%.*}
  minor=${minor%%.*}
  case $major:$minor in
    :* | *: | *[!0-9:]*) return 1 ;;
  esac
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}
# Becomes the first Node that is new enough; else $found says what there is. Nothing else that stands in
# those directories is run to find out. The empty quotes keep star and slash apart, which would end the JavaScript comment.
look() {
  found=
  for node in "$(command -v node)" "$(command -v nodejs)" /usr/local/bin/node /usr/bin/node /usr/bin/node-[0-9]* \
    /snap/bin/node /usr/local/lib/nodejs/*''/bin/node /opt/*''/bin/node "$place/bin/node"; do
    [ -f "$node" ] && [ -x "$node" ] || continue
    version=$("$node" --version 2>/dev/null </dev/null) || version=unusable
    if supported "$version"; then exec "$node" "$0"; fi
    case $found in
      *" $node "*) ;;
      *) found="$found $node $version," ;;
    esac
  done
}
root=${HAULOUT_ROOT:-}
second=
[ -f "$0" ] && { read -r second && read -r second; } <"$0"
[ "$second" = '{ ":" /*' ] ||
  fail 64 'runtime: script: it cannot read itself. Save it, then run: sh FILE'
case $(uname -m) in
  x86_64) arch=x64 pin=${HAULOUT_RUNTIME_X64:-} ;;
  aarch64) arch=arm64 pin=${HAULOUT_RUNTIME_ARM64:-} ;;
  *) arch=none pin= ;;
esac
place=$root/var/lib/haulout/runtime/$pin
look
