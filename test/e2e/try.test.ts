import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { TINIEST, TINY, testDirectory, writeRole } from '../support/role-files.ts';
import { endAll, TryProcess, tryToEnd } from '../support/try.ts';

const HELLO = fileURLToPath(new URL('../../buckets/hello', import.meta.url));
const LONG = 120_000;

/** The managed file is changed by the hook each time it runs, and the hook runs each time the file changed. */
const RESTLESS = {
  'haulout.ini': '[haulout]\nversion = 1\n[service.s]\nimage = services/s\nwatch = /srv/f\nhealth = 0s\n',
  'root/srv/f': 'as the bucket says\n',
  'services/s/bin/start': '#!/bin/sh\necho otherwise > /srv/f\n',
};

describeWith([root], 'haulout try', () => {
  const directory = testDirectory();
  afterEach(endAll, 60_000);

  it(
    '--once: boots the hello bucket, proves that a second sync is a no-op, and ends 0',
    async () => {
      const { code, events, stderr } = await tryToEnd([HELLO, '--once', '--events']);
      expect(code).toBe(0);
      expect(stderr).toBe('');
      const names = events.map(({ event }) => event).filter((name) => name !== 'phase');
      expect(names).toEqual(['cloud', 'launched', 'ready', 'synced', 'terminated']);
      expect(events.at(-2)).toMatchObject({ changed: [], steps: 0, role: 'hello' });
      const ids = new Set(events.slice(1).map(({ instanceId }) => instanceId));
      expect([...ids]).toEqual([expect.stringMatching(/^i-[0-9a-f]{17}$/)]);
    },
    LONG,
  );

  it(
    'speaks to people on standard error only, without control codes off a terminal',
    async () => {
      const tiny = writeRole(join(directory, 'people'), TINIEST);
      for (const env of [{}, { NO_COLOR: '1', FORCE_COLOR: '' }]) {
        const { code, stdout, stderr } = await tryToEnd([tiny, '--once'], env);
        expect(code).toBe(0);
        expect(stdout).toBe('');
        expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
        const words = stderr.split('\n').map((line) => line.slice(10).trim().split(/ {2,}/)[0]);
        for (const word of ['launched', 'launcher', 'synced']) expect(words.join('\n')).toContain(word);
        expect(stderr).toMatch(/^ +\d+\.\d s {2}ready +nothing listens$/m);
      }
    },
    LONG,
  );

  it(
    '--once: fails when the second sync would change something, and names it',
    async () => {
      const restless = writeRole(join(directory, 'restless'), RESTLESS);
      const child = await tryToEnd([restless, '--once', '--events']);
      expect(child.code).toBe(1);
      expect(child.all('failed')).toMatchObject([{ code: 'not-idempotent', subject: 'file:/srv/f' }]);
      expect(child.events.at(-1)?.event).toBe('terminated');
    },
    LONG,
  );

  it(
    '--once: fails quickly on a broken spec, with every mistake on the events',
    async () => {
      const spec = '[haulout]\nversion = 1\nschedul = x\n[service.web]\nport = many\n';
      const broken = writeRole(join(directory, 'broken'), { 'haulout.ini': spec });
      const started = performance.now();
      const child = await tryToEnd([broken, '--once', '--events']);
      expect(child.code).toBe(1);
      expect(performance.now() - started).toBeLessThan(30_000);
      const [failed] = child.all('failed');
      expect(failed).toMatchObject({ code: 'spec-invalid', step: 'spec' });
      const places = failed?.mistakes?.map(({ file, line, column }) => `${file}:${line}:${column}`);
      expect(places).toEqual(expect.arrayContaining(['haulout.ini:3:1', 'haulout.ini:5:8']));
      expect(child.all('ready')).toEqual([]);
    },
    LONG,
  );

  it(
    'follows the directory: an edit, a new file, a removal',
    async () => {
      const tiny = writeRole(join(directory, 'tiny'), TINY);
      const child = new TryProcess([tiny, '--events']);
      const { url } = await child.next('ready');
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
      expect(await text(url)).toBe('one\n');

      writeFileSync(join(tiny, 'root/srv/hello.txt'), 'two\n');
      const { changed, requests, ms } = await child.next('synced');
      expect(changed).toEqual(['file:/srv/hello.txt', 'service:hello']);
      expect([requests > 0, ms > 0]).toEqual([true, true]);
      expect(await text(url)).toBe('two\n');

      writeFileSync(join(tiny, 'root/srv/more.txt'), 'more\n');
      writeFileSync(join(tiny, 'root/srv/more.txt~'), 'what an editor leaves\n');
      expect((await child.next('synced', { after: 1 })).changed).toEqual(['file:/srv/more.txt']);

      // Absence is not an instruction (law 3): the file stays until the spec says `absent`.
      rmSync(join(tiny, 'root/srv/more.txt'));
      writeFileSync(join(tiny, 'root/srv/hello.txt'), 'three\n');
      expect((await child.next('synced', { after: 2 })).changed).not.toContain('file:/srv/more.txt');
      child.signal('SIGINT');
      expect(await child.ended).toEqual({ code: 130, signal: null });
      expect(child.all('terminated')).toHaveLength(1);
      expect(child.stderr).toBe('');
    },
    LONG,
  );

  it(
    'misses no edit that is made while the instance is launched',
    async () => {
      const tiny = writeRole(join(directory, 'hasty'), TINIEST);
      const child = new TryProcess([tiny, '--events']);
      await child.next('cloud');
      // By then all is uploaded, and nobody watches before the instance runs.
      await new Promise((resolve) => setTimeout(resolve, 300));
      writeFileSync(join(tiny, 'root/srv/hello.txt'), 'the last\n');
      await child.next('ready');
      const file = child.path('/srv/hello.txt');
      await child.until(() => readIfThere(file) === 'the last\n' || undefined, 'last edit on the instance');
    },
    LONG,
  );

  it(
    'boots an instance for each directory, and ends all of them',
    async () => {
      const one = writeRole(join(directory, 'one'), TINY);
      const other = writeRole(join(directory, 'other'), TINIEST);
      const child = new TryProcess([one, other, '--events']);
      const [first] = await Promise.all([
        child.next('ready', { where: ({ role }) => role === 'one' }),
        child.next('ready', { where: ({ role }) => role === 'other' }),
      ]);
      expect(first.url).not.toBeNull();
      expect(new Set(child.all('ready').map(({ instanceId }) => instanceId)).size).toBe(2);
      expect(new Set(child.all('launched').map(({ address }) => address)).size).toBe(2);
      expect(child.all('ready').find(({ role }) => role === 'other')).toMatchObject({ url: null, prefix: 'other' });
      child.signal('SIGTERM');
      expect((await child.ended).code).toBe(130);
      expect(child.all('terminated').map(({ role }) => role)).toEqual(['one', 'other']);
    },
    LONG,
  );

  it(
    'tells people what each instance says and does, by its role',
    async () => {
      const [one, other] = ['left', 'right'].map((name) => writeRole(join(directory, name), TINIEST));
      const { code, stderr } = await tryToEnd([one!, other!, '--once']);
      expect(code).toBe(0);
      for (const role of ['left', 'right'])
        expect(stderr).toMatch(new RegExp(`^ +[\\d.]+ s {2}${role} +ready +nothing listens$`, 'm'));
    },
    LONG,
  );
});

async function text(url: string | null): Promise<string> {
  return await (await fetch(url ?? '', { signal: AbortSignal.timeout(5_000) })).text();
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
