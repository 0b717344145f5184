import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, root } from '../support/needs.ts';
import { RoleUnderTest } from '../support/role.ts';
import { codeWords, readPage, tableRows } from './pages.ts';

const python = { name: 'python3', met: existsSync('/usr/bin/python3'), get: 'apt-get install python3' };
const hook = readPage('README.md').examples.find(({ info }) => info === 'sh hook')?.text ?? '';

const SPEC = `[haulout]
version = 1
[service.shop]
image  = services/shop
port   = 8080
check  = http://127.0.0.1:8080/
health = 0s
[service.shop.custom]
title = "Shop #1"
`;

const CONFIGURE = `#!/bin/sh
env | cut -d = -f 1 | grep -v '^_$\\|^PWD$\\|^OLDPWD$\\|^SHLVL$' | sort > variables
echo "$@" > arguments
pwd > where
readlink cfg/service.cfg > link
cut -d = -f 1 "$2" > keys
`;

/** What the documents say of an instance, held against one. */
describeWith([root, python], 'an instance, as the documents have it', () => {
  let role: RoleUnderTest;
  beforeAll(async () => {
    role = await RoleUnderTest.boot({
      'haulout.ini': SPEC,
      'services/shop/bin/configure': CONFIGURE,
      'services/shop/bin/start': hook,
    });
  }, 120_000);
  afterAll(() => role?.close());

  it('README.md: its hook serves the title', async () => {
    expect(await role.status()).toMatchObject({ health: 'healthy' });
    expect(await role.read('/srv/services/shop/www/index.html')).toBe('Shop #1\n');
  });

  it('docs/agent.md: every place is there, with its mode', async () => {
    const rows = tableRows(readPage('docs/agent.md').text, '| path | mode |');
    const places = rows.map(([path = '', mode = '']) => ({ path: codeWords(path)[0] ?? '', mode: mode.trim() }));
    const known = places.filter(({ mode }) => mode !== 'yours');
    const { stdout } = await role.exec(`stat -c '%n 0%a %U' ${known.map(({ path }) => path).join(' ')}`);
    expect(stdout.trim().split('\n')).toEqual(known.map(({ path, mode }) => `${path} ${mode} root`));
  });

  it('docs/hooks.md: the environment is the list', async () => {
    const rows = tableRows(readPage('docs/hooks.md').text, '| variable | value |');
    const said = rows.flatMap(([names = '']) => codeWords(names)).sort();
    expect((await role.read('/srv/services/shop/variables')).trim().split('\n').sort()).toEqual(said);
  });

  it('docs/hooks.md: arguments, directory and the link to the cfg', async () => {
    const [id, cfg] = (await role.read('/srv/services/shop/arguments')).trim().split(' ');
    expect(id).toBe('shop');
    expect(cfg).toMatch(/^\/run\/haulout\/cfg\//);
    expect((await role.read('/srv/services/shop/link')).trim()).toBe(cfg);
    expect((await role.exec(`test -e ${cfg}; echo $?`)).stdout).toBe('1\n');
    expect((await role.read('/srv/services/shop/where')).trim()).toMatch(/^\/srv\/services\//);
  });

  it('docs/hooks.md: the keys of [service] are those of the example', async () => {
    const example = readPage('docs/hooks.md').examples.find(({ info }) => info === 'cfg')?.text ?? '';
    const section = (lines: readonly string[]) =>
      lines.slice(lines.indexOf('[service]') + 1, lines.indexOf('[changed]')).map((line) => line.split('=')[0]);
    const live = (await role.read('/srv/services/shop/keys')).trim().split('\n');
    expect(section(live)).toEqual(section(example.split('\n')));
  });
});
