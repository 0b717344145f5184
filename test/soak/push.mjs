// `haulout push` to many instances: how far apart they begin, how long until all have followed; then once more with one that cannot.
// `npm run soak push [COUNT]`, default 20. Needs root.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundled } from './bundled.mjs';

const [count = '20'] = process.argv.slice(2);
const { DeskGround } = await bundled('../support/desk-ground.ts');

const started = performance.now();
const ground = await DeskGround.open();
const faults = [];
const push = async (...words) => {
  const run = await ground.run(['push', ground.role, ground.bucket, '--json', ...words]);
  return { ...run, told: JSON.parse(run.stdout) };
};
try {
  const hosts = await ground.launch(Number(count));
  const up = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`push: ${hosts.length} instances, all healthy after ${up} s`);

  for (const text of ['two', 'three', 'four']) {
    writeFileSync(join(ground.role, 'root/srv/hello.txt'), `${text}\n`);
    const { code, told } = await push();
    const followed = told.followers.filter(({ following }) => following.state === 'followed');
    const begun = followed.map(({ following }) => following.started / 1_000);
    const ended = followed.map(({ following }) => following.ended / 1_000);
    const range = (numbers) => `${Math.min(...numbers).toFixed(1)} to ${Math.max(...numbers).toFixed(1)} s`;
    console.log(
      `  "${text}": exit ${code}, ${followed.length} of ${hosts.length}; begun ${range(begun)}, done ${range(ended)} after the push`,
    );
    if (code !== 0 || followed.length !== hosts.length) faults.push(`"${text}" was not followed by all`);
  }

  const broken = hosts[Math.floor(hosts.length / 2)];
  await ground.cloud.machine(broken).exec(['/bin/sh', '-c', 'echo > /srv/only-here']);
  const configure = join(ground.role, 'services/hello/bin/configure');
  writeFileSync(configure, '#!/bin/sh\n[ ! -e /srv/only-here ] || exit 3\n');
  chmodSync(configure, 0o755);
  const { code, told } = await push('--timeout', '60s');
  const failed = told.followers.filter(({ following }) => following.state !== 'followed');
  for (const { instanceId, following } of failed) console.log(`  ${instanceId}: ${following.step} [${following.code}]`);
  const right = code === 1 && failed.length === 1 && failed[0].instanceId === broken;
  console.log(`  one that cannot: exit ${code}, ${failed.length} named, ${right ? 'the right one' : 'WRONG'}`);
  if (!right || failed[0].following.step !== 'service:hello')
    faults.push('who could not follow was not named with its step');
} finally {
  await ground.close();
}
const seconds = ((performance.now() - started) / 1_000).toFixed(0);
console.log(`push: ${faults.length} faults, ${seconds} s`);
for (const fault of faults) console.log(`  ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;
