# One question over HTTP, by whatever this machine has. No way of these follows a redirect, asks a proxy, or shows a header in its
# arguments, where every process of the machine could read it. $memory is a directory of root's on tmpfs.
has() {
  command -v "$1" >/dev/null 2>&1
}
has timeout || timeout() {
  shift
  "$@"
}
by_curl() {
  sed 's/.*/header = "&"/' "$memory/headers" | timeout "$seconds" curl -qgsS --noproxy '*' --connect-timeout 10 \
    --speed-limit 1000 --speed-time 30 -X "$method" -D "$memory/head" -o "$file" -K - "$url"
}
# The wget of BusyBox takes headers as arguments alone: it asks only where none is needed.
by_wget() {
  if wget --version >/dev/null 2>&1; then
    sed 's/^/header = /' "$memory/headers" >"$memory/wgetrc"
    [ "$method" = GET ] || set -- "--method=$method"
    WGETRC=$memory/wgetrc timeout "$seconds" wget -S -nv --no-proxy --max-redirect=0 -t 1 -T 30 "$@" -O "$file" "$url"
  else
    ! grep -q '^[^h]' "$memory/headers" && timeout "$seconds" wget -S -O "$file" "$url"
  fi 2>"$memory/head"
}
by_python3() {
  timeout "$seconds" "${1:-python3}" -c '
import sys
from urllib import error,request
class Stay(request.HTTPRedirectHandler):redirect_request=lambda *a:None
_,method,url,memory,file=sys.argv
sent=dict(l.rstrip().split(": ",1)for l in open(memory+"/headers"))
try:a=request.build_opener(Stay,request.ProxyHandler({})).open(request.Request(url,None,sent,method=method),None,30)
except error.HTTPError as e:a=e
open(memory+"/head","w").write("HTTP/1 %d\n%s"%(a.getcode(),a.headers))
out=open(file,"wb",0)
for piece in iter(lambda:a.read(65536),b""):out.write(piece)' "$method" "$url" "$memory" "$file"
}
by_platform_python() {
  by_python3 /usr/libexec/platform-python
}
# HTTP/1.0, so that no answer comes in chunks.
raw() {
  {
    printf '%s /%s HTTP/1.0\r\n' "$method" "$path"
    sed 's/$/\r/' "$memory/headers"
    printf 'Connection: close\r\n\r\n'
  } >"$memory/request"
  timeout "$seconds" "$@" <"$memory/request" >"$file.whole"
  size=$(sed '/^\r*$/q' "$file.whole" | tee "$memory/head" | wc -c)
  tail -c +$((size + 1)) "$file.whole" >"$file"
  rm "$file.whole"
}
by_openssl() {
  case $name in *[!0-9.]*) set -- -verify_hostname ;; *) set -- -verify_ip ;; esac
  raw openssl s_client -quiet -verify_return_error "$1" "$name" -servername "$name" -connect "$name:$port"
}
by_bash() {
  raw bash -c 'exec 3<>"/dev/tcp/$0/$1" && cat >&3 && exec cat <&3' "$name" "$port"
}
by_nc() {
  raw nc "$name" "$port"
}
# locate URL: where it leads, and the ways there, the best first.
locate() {
  host=${1#*://}
  path=${host#*/} host=${host%%/*}
  case $1 in
    https:*) port=443 ways='curl python3 platform_python wget openssl' ;;
    *) port=80 ways='curl python3 platform_python wget bash nc' ;;
  esac
  host=${host%":$port"}
  name=$host
  case $host in *]) ;; *:*) name=${host%:*} port=${host##*:} ;; esac
  name=${name#[}
  name=${name%]}
}
# ask METHOD URL SECONDS FILE HEADER...: the number of the answer in $code, or words that there is none.
# A megabyte a second is the most that is written of one. Past it a write fails, and nothing dumps its core with the headers in it.
ask() {
  method=$1 url=$2 seconds=$3 file=$4
  shift 4
  locate "$url"
  printf '%s\n' "host: $host" "$@" >"$memory/headers"
  : >"$memory/error"
  sent=
  for way in $ways; do
    case $way in platform_python) [ -x /usr/libexec/platform-python ] ;; *) has "$way" ;; esac || continue
    sent="$sent $way"
    : >"$memory/head"
    (
      trap '' XFSZ
      ulimit -f $((seconds * 2048))
      unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY && "by_$way"
    ) 2>"$memory/error"
    code=$(sed -n 's/^ *HTTP[^ ]* \([0-9]*\).*/\1/p' "$memory/head" | tail -n 1)
    [ -z "$code" ] || return 0
  done
  [ -n "$sent" ] || stop="There is no program to ask with: none of $ways"
  code="nothing (asked by${sent:- nobody}) $(tail -n 1 "$memory/error")"
}
