/** An init script with a daemon that does nothing: a unit without a package. It logs what it is asked to do. */
export const TINY = `#!/bin/sh
### BEGIN INIT INFO
# Provides:          tiny
# Required-Start:
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: a daemon that does nothing
### END INIT INFO
pid=/run/tiny.pid
alive() { [ -s "$pid" ] && kill -0 "$(cat "$pid")" 2> /dev/null; }
[ "$1" = status ] || echo "$1" >> /var/log/tiny.log
case "$1" in
  start) alive || { setsid sleep 77082 < /dev/null > /dev/null 2>&1 & echo $! > "$pid"; } ;;
  stop) alive && kill "$(cat "$pid")"; rm -f "$pid" ;;
  restart) "$0" stop; "$0" start ;;
  status) alive || exit 3 ;;
  *) exit 3 ;;
esac
`;
