import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { tar, zip } from '../support/archives.ts';
import { haulout } from '../support/cli.ts';
import { testDirectory, writeRole } from '../support/role-files.ts';

const BROKEN = `[haulout]
version = 1
schedul = */5 * * * *

[packages]
nginx = 1.22 # stable

[files]
etc/motd = mode=0600
/etc/issue = mode=abc

[service.web]
port = 99999
`;
const IMAGE = '[haulout]\nversion = 1\n\n[service.s]\nimage = services/s.tar.gz\n';

describe('haulout lint', () => {
  const directory = testDirectory();
  const lint = (...words: string[]) => haulout(['lint', ...words], { cwd: directory });

  it.each(['hello', 'monitor', 'payroll', 'planet'])('finds no mistake in buckets/%s', async (bucket) => {
    const { code, stderr } = await lint(fileURLToPath(new URL(`../../buckets/${bucket}`, import.meta.url)));
    expect(code).toBe(0);
    expect(stderr).toMatch(/no mistakes/);
  });

  it('lists every mistake at once, with file, line, column, what, and what to write instead', async () => {
    writeRole(join(directory, 'broken'), { 'haulout.ini': BROKEN });
    const { code, stdout, stderr } = await lint('broken');
    expect(code).toBe(2);
    const places = stdout.split('\n').filter((line) => line.startsWith('haulout.ini:'));
    for (const place of ['3:1', '6:', '9:1', '10:', '13:8'])
      expect(places.filter((line) => line.startsWith(`haulout.ini:${place}`))).toHaveLength(1);
    expect(stdout).toContain('did you mean `schedule`?');
    expect(stdout.split('\n').filter((line) => line.startsWith('    '))).toHaveLength(places.length);
    expect(stderr).toBe(`haulout: broken: ${places.length} mistakes\n`);
  });

  it('says the same as JSON, one object on stdout', async () => {
    const { code, stdout, stderr } = await lint('broken', '--json');
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const { schema, role, findings } = JSON.parse(stdout) as {
      schema: number;
      role: string;
      findings: Record<string, unknown>[];
    };
    expect({ schema, role }).toEqual({ schema: 1, role: 'broken' });
    expect(findings.length).toBeGreaterThanOrEqual(5);
    for (const finding of findings) {
      expect(finding).toEqual({
        file: 'haulout.ini',
        line: expect.any(Number),
        column: expect.any(Number),
        what: expect.any(String),
        instead: expect.any(String),
        severity: 'mistake',
      });
    }
  });

  it('looks into hooks: line ends of another system, no interpreter, no right to run', async () => {
    const spec = IMAGE.replace('s.tar.gz', 's');
    const role = writeRole(join(directory, 'hooks'), {
      'haulout.ini': spec,
      'services/s/bin/start': '#!/bin/sh\r\necho hello\r\n',
      'services/s/bin/configure': 'echo no interpreter\n',
      'services/s/bin/check': '#!/bin/sh\ntrue\n',
    });
    chmodSync(join(role, 'services/s/bin/check'), 0o644);
    const { code, stdout } = await lint('hooks');
    expect(code).toBe(2);
    expect(stdout).toMatch(/^services\/s\/bin\/start:1:1: the first line ends with CR LF/m);
    expect(stdout).toMatch(/^services\/s\/bin\/configure:1:1: the hook does not begin with `#!`/m);
    expect(stdout).toMatch(/^services\/s\/bin\/check:1:1: warning: the hook is not executable/m);
  });

  it('ends 0 when there are warnings only', async () => {
    const role = writeRole(join(directory, 'warned'), {
      'haulout.ini': IMAGE.replace('s.tar.gz', 's'),
      'services/s/bin/start': '#!/bin/sh\ntrue\n',
      'notes.txt': 'not for the instance\n',
    });
    chmodSync(join(role, 'services/s/bin/start'), 0o644);
    const { code, stdout, stderr } = await lint('warned');
    expect(code).toBe(0);
    expect(stdout.match(/: warning: /g)).toHaveLength(2);
    expect(stderr).toContain('no mistakes, 2 warnings\n');
  });

  it('unpacks archives as an instance would, and names links that lead out', async () => {
    const start = { name: 'bin/start', content: '#!/bin/sh\ntrue\n', mode: 0o755 };
    const role = writeRole(join(directory, 'archives'), { 'haulout.ini': IMAGE, 'services/s.tar.gz': '' });
    const pack = (...entries: Parameters<typeof tar>[0]) =>
      writeFileSync(join(role, 'services/s.tar.gz'), gzipSync(tar(entries)));
    pack(start);
    expect((await lint('archives')).code).toBe(0);
    pack(start, { name: 'escape', type: '2', link: '../../../etc/shadow' });
    const { code, stdout } = await lint('archives');
    expect(code).toBe(2);
    expect(stdout).toMatch(/^haulout\.ini:4:1: services\/s\.tar\.gz: .*escape/m);
    writeFileSync(join(role, 'services/s.tar.gz'), gzipSync(tar([start])).subarray(0, 40));
    expect((await lint('archives')).code).toBe(2);
  });

  it('takes a zip too, and refuses one that is named and is not there', async () => {
    const role = writeRole(join(directory, 'zipped'), {
      'haulout.ini': IMAGE.replace('s.tar.gz', 's.zip'),
      'services/s.zip': '',
    });
    const start = { name: 'bin/start', content: '#!/bin/sh\ntrue\n', mode: 0o100755 };
    writeFileSync(join(role, 'services/s.zip'), await zip([start]));
    expect((await lint('zipped')).code).toBe(0);
    writeRole(join(directory, 'missing'), { 'haulout.ini': IMAGE });
    const { code, stdout } = await lint('missing');
    expect(code).toBe(2);
    expect(stdout).toMatch(/^haulout\.ini:4:1: the image of this service is not in the bucket/m);
  });

  it('shows control characters of names, and does not obey them', async () => {
    writeRole(join(directory, 'hostile'), { 'haulout.ini': '[haulout]\nversion = 1\n', 'a\x1b[31mb': 'x' });
    const { stdout } = await lint('hostile');
    expect(stdout).toContain('a\\x1b[31mb');
    expect(stdout).not.toContain('\x1b');
  });

  it.each([['nowhere'], ['.']])('says where there is no spec: %s', async (where) => {
    const { code, stderr } = await lint(where);
    expect(code).toBe(78);
    expect(stderr).toMatch(/haulout\.ini: there is no such file\n.*haulout init /);
  });
});
