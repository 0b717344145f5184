import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { archivesOfThisMachine } from '../../src/cloud/packages/archives.ts';
import { command, describeWith } from '../support/needs.ts';

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
