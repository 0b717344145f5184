import { spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LocalCloud } from '../../src/cloud/local.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { command, describeWith } from '../support/needs.ts';
import { dist } from '../support/role.ts';
import { testDirectory } from '../support/role-files.ts';
import { DESK } from './cli.ts';
import { readPage, top } from './pages.ts';

const LIMIT_MS = 420_000;

/** The story that the product is made for, as a script that anybody can run, with the cloud's own tools. */
describeWith([...MACHINE_NEEDS, command('aws', 'awscli'), command('curl', 'curl')], 'docs/story.sh', () => {
  const directory = testDirectory();

  it(
    'launch, address, upload, security update, loss and return, with the real aws CLI',
    async () => {
      const cloud = await LocalCloud.open({ gatewayScript: join(dist, 'gateway.mjs') });
      try {
        cpSync(join(top, 'buckets/planet'), join(directory, 'planet'), { recursive: true });
        // The machines are copies of this one: how long its packages take to upgrade is not what is told.
        const spec = join(directory, 'planet/haulout.ini');
        writeFileSync(spec, readFileSync(spec, 'utf8').replace(/^upgrade .*$/m, 'upgrade = never'));
        await (await cloud.mirror(join(directory, 'planet'), 'story', 'planet')).close();
        writeFileSync(join(directory, 'haulout'), `#!/bin/sh\nexec '${process.execPath}' '${DESK}' "$@"\n`, {
          mode: 0o755,
        });
        const { code, output } = await run(join(top, 'docs/story.sh'), directory, {
          PATH: `${directory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
          HOME: directory,
          BUCKET: 'story',
          IMAGE: 'ami-0123456789abcdef0',
          NEW_IMAGE: 'ami-0fedcba9876543210',
          DIRECTORY: join(directory, 'planet'),
          S3_ENDPOINT: cloud.endpoint,
          EC2_ENDPOINT: cloud.ec2Endpoint,
          INSTANCE_ENDPOINT: cloud.instanceEndpoint,
          AWS_ENDPOINT_URL_S3: cloud.endpoint,
          AWS_ENDPOINT_URL_EC2: cloud.ec2Endpoint,
          AWS_ACCESS_KEY_ID: cloud.accessKeyId,
          AWS_SECRET_ACCESS_KEY: cloud.secretAccessKey,
          AWS_REGION: cloud.region,
          AWS_DEFAULT_REGION: cloud.region,
          AWS_EC2_METADATA_DISABLED: 'true',
          AWS_PAGER: '',
        });
        expect(code, output).toBe(0);
        expect(output.match(/^== .*/gm)).toHaveLength(6);
        expect(output.match(/has: the night shift/g)).toHaveLength(3);
        expect(output).toMatch(/done: i-[0-9a-f]+ is in the place of i-[0-9a-f]+, at 127\./);
      } finally {
        await cloud.close();
      }
    },
    LIMIT_MS + 30_000,
  );
});

it('docs/story.md shows the script as it is', () => {
  const shown = readPage('docs/story.md').examples.find(({ info }) => info === 'sh script')?.text;
  expect(shown?.trim()).toBe(readFileSync(join(top, 'docs/story.sh'), 'utf8').trim());
});

function run(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn('/bin/sh', [script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
