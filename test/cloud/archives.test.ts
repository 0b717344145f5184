import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LocalCloud } from '../../src/cloud/local.ts';
import { archivesOfThisMachine } from '../../src/cloud/packages/archives.ts';
import { run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { MACHINE_NEEDS, quiet, smallImage, useBench } from '../support/machines.ts';
import { command, describeWith } from '../support/needs.ts';
import { say, startWire } from '../support/wire.ts';

const bench = useBench();

describeWith([command('apt-get', 'apt')], 'the archives of an apt', () => {
  test('are those it would ask, also where it has asked none yet, as in a container image', async () => {
    const image = mkdtempSync(join(tmpdir(), 'haulout-apt-'));
    onTestFinished(() => rmSync(image, { recursive: true }));
    mkdirSync(join(image, 'etc/apt'), { recursive: true });
    const sources = [
      'deb http://archive.invalid:8181/debian stable main',
      'deb https://other.invalid/ubuntu noble main',
    ];
    writeFileSync(join(image, 'etc/apt/sources.list'), `${sources.join('\n')}\n`);
    const { origins } = await archivesOfThisMachine(image);
    expect(origins).toEqual(expect.arrayContaining(['http://archive.invalid:8181', 'https://other.invalid']));
  });
});

describeWith(
  [...MACHINE_NEEDS, command('apt-get', 'apt'), command('curl', 'curl')],
  'an instance of another root',
  () => {
    test("has the archives of that root's apt, besides this machine's", async () => {
      const archive = await startWire((response) => say(response, 200, 'a package'));
      const image = smallImage();
      onTestFinished(() => rmSync(image, { recursive: true }));
      mkdirSync(join(image, 'etc/apt'));
      writeFileSync(join(image, 'etc/apt/sources.list'), `deb ${archive.url}/debian stable main\n`);
      const cloud = await LocalCloud.open({ log: quiet, gatewayScript: bench.gateway.script });
      onTestFinished(() => cloud.close());
      const machine = await cloud.launch({ userData: Buffer.from('#!/bin/sh\n'), root: image });
      const asked = ['curl', '-sS', '--proxy', 'http://10.77.0.1:3142', `${archive.url}/debian/pool/x`];
      const inside = ['nsenter', `--net=/proc/${machine.pid}/ns/net`, ...asked] as const;
      const { stdout } = await run(inside, { env: SYSTEM_ENVIRONMENT, timeoutMs: 20_000 });
      expect(stdout).toBe('a package');
    });
  },
);
