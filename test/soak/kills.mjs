// Kills the agent at moments of chance while it swaps 50 files: old or new, whole, and it converges (DESIGN law 6; reliability F15).
import { bundled } from './bundled.mjs';

const [times = '200'] = process.argv.slice(2);
const seed = Number(process.env.SEED ?? 20_261_120);
const { KillGround } = await bundled('../support/kills.ts');

const ground = await KillGround.open(seed);
const started = performance.now();
const total = { kills: 0, between: 0, untouched: 0, finished: 0 };
const faults = [];
try {
  while (total.kills < Number(times)) {
    const counts = await ground.kill(Math.min(10, Number(times) - total.kills));
    for (const name of Object.keys(total)) total[name] += counts[name];
    faults.push(...counts.faults);
    for (const fault of counts.faults) console.log(`  ${fault}`);
    console.log(`kills: ${JSON.stringify(total)}, ${faults.length} faults`);
  }
} finally {
  await ground.role.close();
}
const seconds = ((performance.now() - started) / 1_000).toFixed(0);
console.log(`kills: seed ${seed}, ${JSON.stringify(total)}, ${faults.length} faults, ${seconds} s`);
process.exitCode = faults.length === 0 ? 0 : 1;
