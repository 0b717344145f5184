import { execFile, spawn } from 'node:child_process';
import { chmodSync, cpSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { command, describeWith, program } from '../support/needs.ts';
import { eventually, scratch } from '../support/scratch.ts';
import { DESK } from './cli.ts';
import { readPage, top } from './pages.ts';

const aws = program('aws', 'apt-get install awscli, or pip install awscli');

describeWith([...MACHINE_NEEDS, command('curl', 'curl'), aws], 'the terminals of docs/local-cloud.md', () => {
  it('a cloud in the one, a machine from the other', async () => {
    const [first, second] = readPage('docs/local-cloud.md').examples.filter(({ info }) => info === 'sh');
    const here = scratch();
    writeFileSync(join(here, 'haulout'), `#!/bin/sh\nexec '${process.execPath}' '${DESK}' "$@"\n`);
    chmodSync(join(here, 'haulout'), 0o755);
    const env = {
      PATH: `${here}${delimiter}${process.env['PATH']}`,
      HOME: process.env['HOME'] ?? '/',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
    };
    const talk = openSync(join(here, 'talk'), 'w');
    cpSync(join(top, 'buckets/hello'), join(here, 'buckets/hello'), { recursive: true });
    const spec = join(here, 'buckets/hello/haulout.ini');
    // The machine is a copy of this one: how long its packages take to upgrade is not what is tested.
    writeFileSync(spec, readFileSync(spec, 'utf8').replace('[haulout]', '[haulout]\nupgrade = never'));
    // `exec`, so that a signal goes to the cloud itself.
    const line = `exec ${first!.text}`;
    const cloud = spawn('/bin/sh', ['-eu', '-c', line], { cwd: here, env, stdio: ['ignore', 'ignore', talk] });
    const ended = new Promise<number | null>((resolve) => cloud.once('exit', resolve));
    onTestFinished(async () => {
      cloud.kill('SIGINT');
      expect(await ended).toBe(130);
    });
    expect(await eventually(() => readFileSync(join(here, 'talk'), 'utf8').includes('Ctrl-C'), 20_000)).toBe(true);

    const [load, ...commands] = second!.text.trimEnd().split('\n');
    const found: Record<string, string> = {};
    const outputs: string[] = [];
    for (const command of commands) {
      const words = command.replace(/\b(INSTANCE|ALLOCATION|ADDRESS)\b(?!_)/g, (name) => found[name] ?? name);
      const ran = await promisify(execFile)('/bin/sh', ['-eu', '-c', `${load}\n${words}`], { cwd: here, env });
      outputs.push(ran.stdout);
      const [, value] = /"(?:InstanceId|AllocationId)": "([^"]+)"/.exec(ran.stdout) ?? [];
      if (command.includes('run-instances')) found['INSTANCE'] = value ?? '';
      if (command.includes('allocate-address')) found['ALLOCATION'] = value ?? '';
      found['ADDRESS'] ??= /"PublicIp": "([^"]+)"/.exec(ran.stdout)?.[1] ?? 'ADDRESS';
      if (found['ADDRESS'] === 'ADDRESS') delete found['ADDRESS'];
    }
    expect(outputs.at(-3)).toContain('<');
    expect(outputs.at(-2)).toContain('haulout: the agent runs');
    expect(outputs.at(-1)).toContain('shutting-down');
  }, 180_000);
});
