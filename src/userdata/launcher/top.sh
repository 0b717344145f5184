set -u
umask 077
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
HOME=${HOME:-/root}
export PATH HOME
haulout_fail() {
  printf 'haulout: %s\n' "$2" >&2
  console=${HAULOUT_ROOT:-}/dev/console
  if [ -c "$console" ] && [ -w "$console" ]; then
    (printf 'haulout: %s\n' "$2" >"$console") 2>/dev/null
  fi
  exit "$1"
}
haulout_supported() {
  major=${1#v}
  minor=${major#*.}
  major=${major%%.*}
  minor=${minor%%.*}
  case $major:$minor in
    :* | *: | *[!0-9:]*) return 1 ;;
  esac
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}
second=
if [ -f "$0" ]; then
  { read -r second && read -r second; } <"$0" 2>/dev/null
fi
[ "$second" = '{ ":" /*' ] ||
  haulout_fail 64 'runtime: script: it has no file to read itself from. Save it, then run: sh FILE'
found=
for node in "$(command -v node)" "$(command -v nodejs)" /usr/local/bin/node /usr/bin/node /usr/bin/node-* \
  /snap/bin/node /usr/local/lib/nodejs/* /opt/*; do
  [ -d "$node" ] && node=$node/bin/node
  [ -f "$node" ] && [ -x "$node" ] || continue
  version=$("$node" --version 2>/dev/null </dev/null) || version=unusable
  if haulout_supported "$version"; then exec "$node" "$0"; fi
  case $found in
    *" $node "*) ;;
    *) found="$found $node $version," ;;
  esac
done
haulout_fail 69 "runtime: node: found${found:- none,} needed is 20.19 or newer. Put such a Node on this machine or its image, then run: sh $0"
