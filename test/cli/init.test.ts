import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { haulout } from '../support/cli.ts';
import { describeWith, root } from '../support/needs.ts';
import { testDirectory } from '../support/role-files.ts';
import { treeOf } from '../support/scratch.ts';
import { tryToEnd } from '../support/try.ts';

const FILES = ['haulout.ini', 'root/var/www/html/index.html'];
const HOOKS = ['configure', 'start', 'check', 'stop'];

describe('haulout init', () => {
  const directory = testDirectory();

  it('writes a spec, a page and hooks that can be executed, and says each and what comes next', async () => {
    const { code, stdout, stderr } = await haulout(['init', 'planet'], { cwd: directory });
    expect(code).toBe(0);
    expect(stderr).toBe('haulout: next: haulout try planet\n');
    const written = [...FILES, ...HOOKS.map((hook) => `services/planet/bin/${hook}`)];
    expect(stdout.trimEnd().split('\n')).toHaveLength(written.length);
    for (const path of written) expect(stdout).toMatch(new RegExp(`^planet/${path} +\\w`, 'm'));
    expect(treeOf(join(directory, 'planet')).filter((line) => !line.includes('/ '))).toHaveLength(written.length);
    for (const hook of HOOKS)
      expect(statSync(join(directory, `planet/services/planet/bin/${hook}`)).mode & 0o111).toBe(0o111);
  });

  it.each(['planet-2', 'web', '9lives', 'a.b.c', 'tick', 'Mixed_Case', 'x'.repeat(63)])(
    'makes of the name %s what lints without a word',
    async (name) => {
      const made = await haulout(['init', name, '--json'], { cwd: directory });
      expect(JSON.parse(made.stdout)).toMatchObject({ schema: 1, directory: name, written: expect.any(Array) });
      const { code, stdout } = await haulout(['lint', name], { cwd: directory });
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    },
  );

  it('works in the present directory', async () => {
    const here = join(directory, 'here');
    mkdirSync(here);
    expect((await haulout(['init'], { cwd: here })).stderr).toBe('haulout: next: haulout try .\n');
    expect(readFileSync(join(here, 'haulout.ini'), 'utf8')).toContain('[service.here]');
  });

  it('touches nothing that exists', async () => {
    mkdirSync(join(directory, 'mine'));
    writeFileSync(join(directory, 'mine/haulout.ini'), 'mine');
    const { code, stderr } = await haulout(['init', 'mine'], { cwd: directory });
    expect(code).toBe(1);
    expect(stderr).toMatch(/mine: these exist already: haulout\.ini\n.*next: name an empty directory/);
    expect(treeOf(join(directory, 'mine'))).toEqual(['haulout.ini 644']);
  });

  it.each(['My Planet', '-x', 'ÜÖÄ', 'x'.repeat(64)])('refuses the name %s, which no role can have', async (name) => {
    const { code, stderr } = await haulout(['init', `./${name}`], { cwd: directory });
    expect(code).toBe(64);
    expect(stderr).toContain('this name cannot be one');
  });
});

describeWith([root], 'what haulout init wrote', () => {
  const directory = testDirectory();

  it('boots as it stands, and a second sync is a no-op', async () => {
    await haulout(['init', 'fresh'], { cwd: directory });
    const { code, stderr, events } = await tryToEnd([join(directory, 'fresh'), '--once', '--events']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(events.find(({ event }) => event === 'ready')).toMatchObject({ url: expect.any(String) });
  }, 120_000);
});
