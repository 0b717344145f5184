export interface Sample {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  /** One line for the person who just made it. */
  readonly says: string;
}

/** A role called `name` that boots as it stands: a package, a template, a service of the system, a service image, a job. */
export function samples(name: string): Sample[] {
  return [
    { path: 'haulout.ini', content: spec(name), mode: 0o644, says: 'what the machine shall be' },
    { path: 'root/var/www/html/index.html', content: PAGE, mode: 0o644, says: 'lands at /var/www/html/index.html' },
    {
      path: `services/${name}/bin/configure`,
      content: CONFIGURE,
      mode: 0o755,
      says: 'called when what it watches changed',
    },
    { path: `services/${name}/bin/start`, content: START, mode: 0o755, says: 'called after configure' },
    { path: `services/${name}/bin/check`, content: CHECK, mode: 0o755, says: 'exit 0 says that it is well' },
    { path: `services/${name}/bin/stop`, content: STOP, mode: 0o755, says: 'called before it goes' },
  ];
}

function spec(name: string): string {
  return `; What this machine shall be. Upload the directory to s3://BUCKET/${name} and every host follows.
; A comment is a line of its own, or follows a blank and a semicolon.

[haulout]
version = 1
schedule = */5 * * * *          ; when to look at the bucket again

[packages]
nginx =                         ; present; or: latest, absent, 1.22.*

; What stands under root/ lands at the same path, 0644 root:root. Here are the exceptions.
[files]
/var/www/html/index.html = template

; A service of the system: its unit, and what makes it load its configuration again.
[service.web]
unit = nginx
port = 80
watch = /etc/nginx/**, package:nginx
validate = nginx -t
then = reload
check = http://127.0.0.1/

; A service of your own: a directory with hooks in bin/, in any language.
[service.${name}]
image = services/${name}
user = www-data
watch = /var/www/html/index.html
health = 2s

[service.${name}.custom]
greeting = "Hello from the bucket"

[job.tick]
schedule = 2,17,32,47 * * * *
run = /srv/services/${name}/bin/check ${name}
user = www-data
`;
}

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>{{ role }}</title>
<style>body{font:18px/1.6 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem}</style>
<h1>{{ role }} is up</h1>
<p>This is {{ instance.instanceId }}. Edit <code>root/var/www/html/index.html</code> and watch.</p>
`;

const CONFIGURE = `#!/bin/sh
# Called as: configure SERVICE-ID CFG-PATH, in the service's directory, as its user. May run any number of times.
set -eu
greeting=$(grep '^greeting=' "$2" | cut -d = -f 2-)
printf '%s\\n' "$greeting" > greeting
`;

const START = `#!/bin/sh
# Called as: start SERVICE-ID, after configure. What it leaves running in the background is the service.
set -eu
[ ! -s pid ] || kill "$(cat pid)" 2>/dev/null || :
sleep 86400 &
echo $! > pid
`;

const CHECK = `#!/bin/sh
# Exit 0: well. Anything else: haulout starts it again.
set -eu
cd /srv/services/"$1"
[ -s greeting ] && kill -0 "$(cat pid)"
`;

const STOP = `#!/bin/sh
# Called before the machine goes, or before another image takes its place. What is left running is ended afterwards.
[ ! -s pid ] || kill "$(cat pid)" 2>/dev/null || :
`;
