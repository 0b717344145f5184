import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { command, describeWith, root } from '../support/needs.ts';
import { dist } from '../support/role.ts';
import { roleForAll, TINIEST, TINY, testDirectory, writeRole } from '../support/role-files.ts';
import { CLI, endAll, TryProcess, tryToEnd } from '../support/try.ts';

const LONG = 120_000;

describe('haulout try, before anything is started', () => {
  const directory = testDirectory();
  const role = roleForAll(join(directory, 'role'), TINIEST);
  roleForAll(join(directory, 'elsewhere/role'), TINIEST);
  roleForAll(join(directory, 'My Planet'), TINIEST);
  beforeAll(() => {
    mkdirSync(join(directory, 'empty'));
  });

  it.each([
    ['no directory', [], 64, /no directory is named/],
    ['an unknown flag', [role, '--onze'], 64, /unknown option '--onze' \(Did you mean --once\?\)/],
    ['a flag without its value', [role, '--port'], 64, /argument missing/],
    ['a port that is none', [role, '--port', '70000'], 64, /--port: this is no port/],
    ['a schedule that is none', [role, '--schedule', 'often'], 64, /--schedule: /],
    ['a time-out without a unit', [role, '--timeout', '5'], 64, /--timeout: this is no duration/],
    ['--once with --exec', [role, '--once', '--exec', 'true'], 64, /--exec: it does not go with --once/],
    ['user-data that is not there', [role, '--user-data', '/nowhere'], 64, /--user-data: \/nowhere cannot be read/],
    ['a directory without a haulout.ini', [join(directory, 'empty')], 78, /haulout init /],
    ['a directory that is not there', [join(directory, 'nowhere')], 78, /haulout init /],
    ['a name that is no role', [join(directory, 'My Planet')], 64, /My Planet: .* cannot be one/],
    ['two roles of one name', [role, join(directory, 'elsewhere/role')], 64, /two directories are called role/],
  ])('%s is refused with one clear message', async (_what, words, code, message) => {
    const child = await tryToEnd(words);
    expect(child.stderr).toMatch(message);
    expect(child.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
    expect(child).toMatchObject({ code, stdout: '' });
  });

  it('says it to programs as an event too', async () => {
    const child = await tryToEnd([join(directory, 'empty'), '--events']);
    expect(child.events).toMatchObject([{ event: 'failed', code: 'bad-configuration', instanceId: '', role: '' }]);
    expect(child.code).toBe(78);
  });
});

describeWith([root], 'haulout try with flags', () => {
  const directory = testDirectory();
  const tiny = roleForAll(join(directory, 'tiny'), TINY);
  const tiniest = roleForAll(join(directory, 'tiniest'), TINIEST);
  afterEach(endAll, 60_000);

  it(
    '--exec runs a command in the instance when it is ready, and ends with its code',
    async () => {
      const line = 'cat /srv/hello.txt; echo to the side >&2; haulout status --json | head -c 12; exit 7';
      const child = await tryToEnd([tiniest, '--exec', line]);
      expect(child.code).toBe(7);
      expect(child.stdout).toBe('one\n{"schema":1,');
      expect(child.stderr).toContain('\nto the side\n');
      const quiet = await tryToEnd([tiniest, '--exec', line, '--events']);
      expect(quiet.code).toBe(7);
      expect(quiet.events.at(-1)?.event).toBe('terminated');
      expect(quiet.stderr).toBe('one\nto the side\n{"schema":1,');
    },
    LONG,
  );

  it(
    '--exec ends with the command when Ctrl-C comes',
    async () => {
      const child = new TryProcess([tiniest, '--exec', 'echo begun; sleep 1000']);
      await child.until(() => child.stdout.includes('begun') || undefined, 'begun command');
      child.signal('SIGINT');
      expect(await child.ended).toEqual({ code: 130, signal: null });
    },
    LONG,
  );

  it(
    '--port is where the service answers',
    async () => {
      const port = await freePort();
      const child = new TryProcess([tiny, '--port', String(port), '--events']);
      expect((await child.next('ready')).url).toBe(`http://127.0.0.1:${port}/`);
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('one\n');
    },
    LONG,
  );

  it(
    '--port that is in use is told before anything boots',
    async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const child = await tryToEnd([tiny, '--port', String(port), '--events']);
      server.close();
      expect(child.code).toBe(1);
      expect(child.events).toMatchObject([{ event: 'failed', code: 'port-in-use', subject: `port ${port}` }]);
      expect(child.stderr).toBe(
        `haulout: cloud: port ${port}: another program listens on it\nhaulout: next: name another port, or none: then a free one is taken\n`,
      );
    },
    LONG,
  );

  it(
    '--user-data boots another script',
    async () => {
      const script = join(directory, 'other.sh');
      writeFileSync(script, '#!/bin/sh\necho the other script on $(hostname)\nexit 3\n');
      const child = await tryToEnd([tiniest, '--user-data', script, '--once']);
      expect(child.code).toBe(1);
      expect(child.stderr).toMatch(/\| +the other script on ip-10-77-0-10\n/);
      expect(child.stderr).toContain('user-data: the user-data script ended with 3');
    },
    LONG,
  );

  it(
    '--timeout bounds how long --once waits',
    async () => {
      const script = join(directory, 'idle.sh');
      writeFileSync(script, '#!/bin/sh\ntrue\n');
      const child = await tryToEnd([tiniest, '--user-data', script, '--once', '--events', '--timeout', '1s']);
      expect(child.code).toBe(1);
      expect(child.all('failed')).toMatchObject([{ code: 'not-ready' }]);
    },
    LONG,
  );

  it(
    '--keep leaves the disk where it says, and a later start finds it there',
    async () => {
      const disk = join(directory, 'disks/tiniest');
      const first = await tryToEnd([tiniest, '--keep', join(directory, 'disks'), '--exec', 'echo kept > /srv/mark']);
      expect(first.code).toBe(0);
      expect(first.stderr).toContain(`haulout: the disk is kept: ${disk}\n`);
      expect(readFileSync(join(disk, '0/upper/srv/mark'), 'utf8')).toBe('kept\n');
      const words = [tiniest, '--keep', join(directory, 'disks'), '--events', '--exec', 'cat /srv/mark'];
      const second = await tryToEnd(words);
      expect(second.stderr).toBe(`kept\nhaulout: the disk is kept: ${disk}\n`);
      expect(second.all('terminated')).toMatchObject([{ disk }]);
    },
    LONG,
  );

  it(
    '--keep alone takes the directory after it for a role, and a place of its own for the disk',
    async () => {
      const words = [CLI, 'try', '--keep', tiniest, '--exec', 'true'] as const;
      const env = { ...SYSTEM_ENVIRONMENT };
      const { code, output } = await run([process.execPath, ...words], { cwd: directory, env, timeoutMs: LONG });
      expect({ code, output }).toMatchObject({ code: 0 });
      expect(output).toContain(`the disk is kept: ${directory}/haulout-disk-tiniest\n`);
      expect(readdirSync(join(directory, 'haulout-disk-tiniest'))).toContain('0');
      const inside = await tryToEnd([tiniest, '--keep', join(tiniest, 'disk')]);
      expect(inside.code).toBe(64);
      expect(inside.stderr).toContain('is in a directory that is uploaded');
      expect(existsSync(join(tiniest, 'disk'))).toBe(false);
    },
    LONG,
  );

  it(
    '--root boots another root file system, and refuses what is none',
    async () => {
      const other = join(directory, 'root');
      mkdirSync(other);
      const refused = await tryToEnd([tiniest, '--root', other, '--once']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('this is not a root file system: it has no /bin/sh');
      // A root of its own without a download: this machine's with one file more, in a mount namespace that goes with the program.
      for (const name of ['upper/etc', 'work']) mkdirSync(join(directory, 'overlay', name), { recursive: true });
      writeFileSync(join(directory, 'overlay/upper/etc/another-root'), 'another root\n');
      const layers = `lowerdir=/,upperdir=${directory}/overlay/upper,workdir=${directory}/overlay/work`;
      const mount = `mount -t overlay overlay -o ${layers} ${other} && exec "$@"`;
      const program = [process.execPath, CLI, 'try', tiniest, '--root', other, '--exec', 'cat /etc/another-root'];
      const argv = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mount, 'sh', ...program] as const;
      const { code, stdout, output } = await run([...argv], { env: { ...SYSTEM_ENVIRONMENT }, timeoutMs: LONG });
      expect({ code, stdout, output }).toMatchObject({ code: 0, stdout: 'another root\n' });
    },
    LONG,
  );
});

describeWith([root, command('setpriv', 'util-linux')], 'haulout try without the right to', () => {
  const directory = testDirectory();

  it('is told so in one message, with what to do, and ends 77', async () => {
    chmodSync(directory, 0o755);
    const copy = join(directory, 'dist');
    cpSync(dist, copy, { recursive: true });
    const role = writeRole(join(directory, 'role'), TINIEST);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] as const;
    const argv = [...nobody, process.execPath, join(copy, 'cli.mjs'), 'try', role] as const;
    const { code, output } = await run([...argv], { env: { ...SYSTEM_ENVIRONMENT }, timeoutMs: 30_000 });
    expect(output).toBe(
      'haulout: try: instance: instances need root, for namespaces and mounts\nhaulout: next: run the same command with sudo -E\n',
    );
    expect(code).toBe(77);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
