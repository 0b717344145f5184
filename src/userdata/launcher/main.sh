# Where there is no Node: the pinned one, else the system's own.
[ "$root" ] || [ "$(id -u)" = 0 ] || fail 77 'runtime: user: this is not root. Run it with sudo'
region=${HAULOUT_REGION:-}
endpoint=${HAULOUT_ENDPOINT:-}
state=${HAULOUT_STATE:-${HAULOUT_BUCKET#s3://}}
[ "${HAULOUT_STATE:-}" ] || state=${state%%/*}/.haulout
state=${state#s3://}
bucket=${state%%/*}
service=$(metadata_service)/latest
stop= why="no runtime for $arch is pinned" time= altered= missing=0
empty=$(printf '' | digest)
LC_ALL=C
export LC_ALL
[ -z "$pin" ] || by_pin
look
by_packages
look
