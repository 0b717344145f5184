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
});
afterAll(() => rmSync(project, { recursive: true }));

/** Its examples have no types in them: they are JavaScript as they stand. */
async function runExample(page: string): Promise<string> {
  const [example] = readPage(page).examples.filter(({ info }) => info === 'ts');
  const file = join(project, `${page.replace(/\W/g, '-')}.mjs`);
  writeFileSync(file, example?.text ?? '');
  return (await promisify(execFile)(process.execPath, [file], { cwd: project, timeout: 60_000 })).stdout;
}

it('the example of README.md runs', async () => {
  expect(await runExample('README.md')).toMatch(/^http:\/\/127\.0\.0\.1:\d+ us-east-1 AKIA/);
});

describeWith(MACHINE_NEEDS, 'the example of docs/local-cloud.md', () => {
  it('runs, a machine included', async () => {
    const output = await runExample('docs/local-cloud.md');
    expect(output).toMatch(/^i-[0-9a-f]+ 10\.77\.0\.\d+ 0 /m);
    expect(output).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/m);
  }, 90_000);
});
