// Kills `haulout swap` before and after each call it makes, to EC2 and to its journal, and runs it again: always one holder of the
// address, and it answers. `npm run soak swap-kills [MOST]`: MOST moments, evenly taken, default all. Needs root.
import { bundled } from './bundled.mjs';

const [most = 'all'] = process.argv.slice(2);
const { DeskGround } = await bundled('../support/desk-ground.ts');
const { killPoints, swapKilledAt } = await bundled('../support/swap-kills.ts');

const started = performance.now();
const ground = await DeskGround.open();
const faults = [];
const silences = [];
let killed = 0;
try {
  let [holder] = await ground.launch();
  await ground.give(holder);
  while (!(await ground.answers())) await new Promise((resolve) => setTimeout(resolve, 100));
  const [whole, silentMs] = await ground.longestSilence(ground.swap(holder));
  if (whole.code !== 0) throw new Error(`a swap that nobody kills ended with ${whole.code}: ${whole.talk}`);
  holder = await ground.holder();
  const all = killPoints(whole.moments);
  const step = most === 'all' ? 1 : Math.max(1, Math.ceil(all.length / Number(most)));
  const points = all.filter((_, index) => index % step === 0);
  console.log(`swap-kills: ${points.length} of ${all.length} moments; unkilled: ${silentMs} ms without an answer`);
  for (const moment of points) {
    const found = await swapKilledAt(ground, holder, moment);
    holder = found.holder;
    killed += found.wasKilled ? 1 : 0;
    silences.push(found.silentMs);
    faults.push(...found.faults.map((fault) => `${moment}: ${fault}`));
    const how = found.faults.length === 0 ? 'ok' : found.faults.join('; ');
    console.log(
      `  ${moment.padEnd(40)} ${found.wasKilled ? 'killed' : 'lived '} ${String(found.silentMs).padStart(6)} ms  ${how}`,
    );
  }
} finally {
  await ground.close();
}
const seconds = ((performance.now() - started) / 1_000).toFixed(0);
const range = silences.length === 0 ? 'none' : `${Math.min(...silences)} to ${Math.max(...silences)} ms`;
console.log(`swap-kills: ${killed} kills, ${faults.length} faults, without an answer ${range}, ${seconds} s`);
for (const fault of faults) console.log(`  ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;
