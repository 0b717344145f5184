import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';
import { readPage, top } from './pages.ts';

/** Somebody else's project, with the built package in its node_modules. */
let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'haulout-project-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(top, join(project, 'node_modules/haulout'));
  symlinkSync(join(top, 'node_modules/@aws-sdk'), join(project, 'node_modules/@aws-sdk'));
});
afterAll(() => rmSync(project, { recursive: true }));

/** Its examples have no types in them: they are JavaScript as they stand. */
async function runExample(page: string, about = ''): Promise<string> {
  const example = readPage(page).examples.find(({ info, text }) => info === 'ts' && text.includes(about));
  const file = join(project, `${page.replace(/\W/g, '-')}${about}.mjs`);
  writeFileSync(file, example?.text ?? '');
  return (await promisify(execFile)(process.execPath, [file], { cwd: project, timeout: 60_000 })).stdout;
}

it('the example of README.md runs', async () => {
  expect(await runExample('README.md')).toMatch(/^http:\/\/127\.0\.0\.1:\d+ us-east-1 AKIA/);
});

describeWith(MACHINE_NEEDS, 'the examples of docs/local-cloud.md', () => {
  it('runs, a machine included', async () => {
    const output = await runExample('docs/local-cloud.md');
    expect(output).toMatch(/^i-[0-9a-f]+ 10\.77\.0\.\d+ 0 /m);
    expect(output).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/m);
  }, 90_000);

  it('a metadata service in a dialect', async () => {
    // What its machine asks for is up to this machine's own /etc/rc.local.
    await expect(runExample('docs/local-cloud.md', 'dialect')).resolves.toBeDefined();
  }, 90_000);

  it('an EC2 endpoint that loses an answer', async () => {
    expect(await runExample('docs/local-cloud.md', 'ec2Faults')).toMatch(/^RunInstances \d+ ConnectionLost$/m);
  }, 90_000);
});
