# Has the pinned runtime in its place, whole and verified; else $why says why not.
patiently() {
  begun=$(seconds_up)
  pause=1 told=
  until fetch; do
    [ -z "$stop" ] || why="$why. $stop"
    [ -z "$stop" ] && [ $(($(seconds_up) - begun)) -lt 300 ] || return
    [ "$why" = "$told" ] || say "$why; trying again"
    told=$why
    sleep $(($(od -An -N1 -tu1 /dev/urandom) % pause + 1))
    [ $pause = 8 ] || pause=$((pause * 2))
  done
}
unpack() {
  mkdir "$work/bin"
  gzip -dc "$work/object" >"$work/bin/node" && chmod 755 "$work/bin/node"
  rm "$work/object"
  version=$("$work/bin/node" --version 2>&1 </dev/null | tail -n 1)
  supported "$version" || {
    why="runtime: $pin: does not run here: $version"
    return 1
  }
  sync "$work/bin/node"
  rm -rf "$place"
  mv "$work" "$place" && sync "${place%/*}"
}
by_pin() {
  [ ${#pin} = 64 ] && [ -z "$(printf %s "$pin" | tr -d 0-9a-f)" ] ||
    fail 78 'settings: HAULOUT_RUNTIME_X64, HAULOUT_RUNTIME_ARM64: is no sha256. Write what haulout runtime add prints'
  for old in "$root"/var/lib/haulout/runtime/.haulout-tmp-*; do
    kill -0 "${old##*-}" 2>/dev/null || rm -rf "$old"
  done
  work=${place%/*}/.haulout-tmp-$$
  memory=$root/run/haulout-launch-$$
  trap 'rm -rf "$work" "$memory"' EXIT
  mkdir -p "$work" "$memory" || {
    why="runtime: ${place%/*}: nothing can be written there"
    return
  }
  say "runtime ${pin%"${pin#????????????}"}: fetching"
  patiently && unpack
  rm -rf "$work" "$memory"
}
