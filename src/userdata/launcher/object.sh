# Who can set this process's environment must not be able to send it elsewhere; tests set a port of loopback.
metadata_service() {
  case ${HAULOUT_METADATA:-} in
    http://127.0.0.1:*[!0-9]* | http://127.0.0.1:) ;;
    http://127.0.0.1:*) echo "$HAULOUT_METADATA" && return ;;
  esac
  echo http://169.254.169.254
}
# meta PATH SET: the answer in $word, empty where there is none of the kind; fails where there is no answer yet.
meta() {
  if [ -z "${token+x}" ]; then
    ask PUT "$service/api/token" 5 "$memory/word" 'X-aws-ec2-metadata-token-ttl-seconds: 21600'
    case $code in 405 | 501) code=404 ;; esac
    shaped api/token '!-~' || return 1
    token=$word
  fi
  ask GET "$service/$1" 5 "$memory/word" ${token:+"X-aws-ec2-metadata-token: $token"}
  # It knows no such token, as one that was cut on its way: the next try asks for another.
  case $code:$token in 401:?*)
    unset token
    why="metadata: $1: it answers 401"
    return 1
    ;;
  esac
  shaped "$1" "$2"
}
# Eucalyptus answers "System is still starting up" with 200: a status is not believed without the right characters.
shaped() {
  word=
  why="metadata: $1: it answers $code"
  case $code in
    404) return 0 ;;
    200)
      word=$(head -c 65536 "$memory/word")
      [ -z "$(printf %s "$word" | tr -d "$2")" ] && [ -n "$word" ] && return
      why="metadata: $1: not the answer to what was asked"
      ;;
    429 | 5?? | nothing*) ;;
    *) stop="metadata: $1: refused ($code); no weaker way is tried. Check that the metadata service is enabled" ;;
  esac
  return 1
}
# What follows a name in the JSON of $word; some write a slash with a backslash.
field() {
  printf %s "$word" | tr -d '\\\n\r' | sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'
}
text='\t\n\r -~'
know_region() {
  [ -z "$region" ] || return 0
  meta meta-data/placement/region a-z0-9- || return
  region=$word
  [ -z "$region" ] || return 0
  meta dynamic/instance-identity/document "$text" || return
  region=$(field region | tr -cd a-z0-9-)
  region=${region:-${endpoint:+us-east-1}}
  [ -n "$region" ] || stop='settings: HAULOUT_REGION: the instance does not know its own. Write HAULOUT_REGION=us-east-1'
}
# The role's keys; none: the bucket is read without.
know_keys() {
  secret=
  [ "${HAULOUT_ANONYMOUS:-}" != true ] || return 0
  meta meta-data/iam/security-credentials/ '\r\n+=,.@_A-Za-z0-9-' || return
  set -- $word
  [ $# != 0 ] || return 0
  meta "meta-data/iam/security-credentials/$1" "$text" || return
  access=$(field AccessKeyId)
  session=$(field Token)
  secret=$(field SecretAccessKey)
}
# The key in the path of a URL: what is not unreserved becomes %XX.
encode() {
  left=$1
  while [ -n "$left" ]; do
    rest=${left#?}
    first=${left%"$rest"}
    left=$rest
    case $first in
      [A-Za-z0-9./_~-]) printf %s "$first" ;;
      *) printf %%%02X "'$first" ;;
    esac
  done
}
object_url() {
  prefix=${state#"$bucket"}
  prefix=${prefix#/}
  prefix=${prefix%/}
  suffix=$bucket/$(encode "${prefix:+$prefix/}runtime/$pin")
  amazon=$region.amazonaws.com
  case $region in cn-*) amazon=$amazon.cn ;; esac
  case $endpoint:$bucket in
    *'//{bucket}.'*) endpoint=${endpoint%/} && echo "${endpoint%%//*}//$bucket.${endpoint#*bucket?.}/${suffix#*/}" ;;
    ?*:*) echo "${endpoint%/}/$suffix" ;;
    *.*) echo "https://s3.$amazon/$suffix" ;;
    *) echo "https://$bucket.s3.$amazon/${suffix#*/}" ;;
  esac
}
# A server that refuses has said what time it is: its clock is believed from then on.
server_time() {
  time=$(sed -n 's/^ *[Dd]ate: *..., \(..\) \(...\) \(....\) \(..\):\(..\):\(..\).*/\3\2\1T\4\5\6Z/p' "$memory/head")
  month=0
  for word in Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec; do
    month=$((month + 1))
    case $time in ????"$word"*) time=${time%"$word"*}$(printf %02d $month)${time#*"$word"} ;; esac
  done
}
# One try to have the object in $work/object; $why says why not, $stop that waiting will not help.
fetch() {
  [ "${endpoint:+${HAULOUT_ANONYMOUS:-}}" = true ] || know_region || return
  [ -z "$stop" ] && know_keys || return
  object=$(object_url)
  locate "$object"
  set -- ${HAULOUT_OWNER:+"x-amz-expected-bucket-owner: $HAULOUT_OWNER"}
  if [ -n "$secret" ]; then
    : "${time:=$(date -u +%Y%m%dT%H%M%SZ)}"
    set -- "x-amz-content-sha256: $empty" "x-amz-date: $time" "$@" ${session:+"x-amz-security-token: $session"}
    set -- "$@" "$(authorize "$time" "host: $host" "$@")"
  fi
  time=
  ask GET "$object" 300 "$work/object" "$@"
  case $code in
    200)
      [ "$(digest <"$work/object")" != "$pin" ] || return 0
      whole=$(sed -n 's/^ *[Cc]ontent-[Ll]ength: *\([0-9]*\).*/\1/p' "$memory/head" | tail -n 1)
      came=$(wc -c <"$work/object")
      if [ "$came" -lt "${whole:-0}" ]; then
        code="$code ($came of $whole bytes came) $(tail -n 1 "$memory/error")"
      else
        code='bytes whose sha256 is not the pin'
        altered=x$altered
        [ ${#altered} -lt 3 ] || [ $(($(seconds_up) - begun)) -lt 30 ] || stop='altered, not run. Run haulout userdata again, launch with what it prints'
      fi
      ;;
    403) server_time ;;
    404) missing=$((missing + 1)) && [ $missing -lt 5 ] || stop="run haulout runtime add --arch $arch" ;;
    408 | 429 | 5?? | nothing*) ;;
    *) stop="Check HAULOUT_ENDPOINT, HAULOUT_REGION (the store says$(sed -n 's/^ *x-amz-bucket-region://p' "$memory/head"))" ;;
  esac
  why="runtime: $object: it answers $code"
  return 1
}
seconds_up() {
  read -r up up_rest </proc/uptime
  echo "${up%%.*}"
}
