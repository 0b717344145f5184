import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** A role without packages that is up in seconds: a file, and a service that answers on a port. */
export const TINY: Readonly<Record<string, string>> = {
  'haulout.ini': `[haulout]
version = 1
upgrade = never

[service.hello]
image = services/hello
port = 8080
watch = /srv/hello.txt
health = 0s
check = http://127.0.0.1:8080/
`,
  'root/srv/hello.txt': 'one\n',
  'services/hello/bin/start': `#!/bin/sh
[ ! -s pid ] || kill "$(cat pid)" 2>/dev/null || :
node -e 'require("http").createServer((q, r) => r.end(require("fs").readFileSync("/srv/hello.txt"))).listen(8080)' &
echo $! > pid
`,
};

/** No service at all: the least there is. */
export const TINIEST: Readonly<Record<string, string>> = {
  'haulout.ini': '[haulout]\nversion = 1\n',
  'root/srv/hello.txt': 'one\n',
};

/** A directory of the describing group's own: there from its first test on, gone after its last. */
export function testDirectory(): string {
  const directory = join(tmpdir(), `haulout-try-${randomBytes(6).toString('hex')}`);
  beforeAll(() => {
    mkdirSync(directory, { mode: 0o755 });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A role that is there from the group's first test on. */
export function roleForAll(directory: string, files: Readonly<Record<string, string>>): string {
  beforeAll(() => {
    writeRole(directory, files);
  });
  return directory;
}

/** Writes a role; what stands in a `bin/` can be executed. Returns its directory. */
export function writeRole(directory: string, files: Readonly<Record<string, string>>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
    if (path.includes('/bin/')) chmodSync(join(directory, path), 0o755);
  }
  return directory;
}
