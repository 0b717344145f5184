// A fleet of ten thousand: `npm run soak fleet [N] [SEED]`. First from the desk: what haulout fleet, fleet page and fleet metrics cost
// over so many statuses in the local S3. Then the agents themselves in virtual time, by their own schedule: what they ask of the bucket,
// and how much of it at once, after a launch of all at the same moment and after an outage of an hour.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundled } from './bundled.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.mjs', import.meta.url));
const [count = '10000', seed = process.env.SEED ?? '20261120'] = process.argv.slice(2);
const hosts = Number(count);
console.log(`fleet: ${hosts} instances, seed ${seed}`);
await desk();
await agents();

async function desk() {
  const { fleetStore, largeFleet } = await bundled('../support/fleet.ts');
  const store = await fleetStore([]);
  try {
    for (const status of largeFleet(hosts)) await store.tell(status);
    for (const words of [
      ['fleet', 's3://my-bucket', '--all'],
      ['fleet', 'page', 's3://my-bucket'],
      ['fleet', 'metrics', 's3://my-bucket'],
    ]) {
      const before = store.log.length;
      const { seconds, mebibytes, bytes, code } = await measured(words, store.env);
      const asked = store.log.slice(before).filter(({ status }) => status === 200);
      const lists = asked.filter(({ operation }) => operation.startsWith('List')).length;
      console.log(
        `haulout ${words.join(' ')}: ${code}, ${seconds.toFixed(1)} s, ${lists} + ${asked.length - lists} requests, ${mebibytes.toFixed(0)} MiB at most, ${(bytes / 2 ** 20).toFixed(1)} MiB printed`,
      );
      if (code !== 0) process.exitCode = 1;
    }
  } finally {
    await store.close();
  }
}

/** The peak of its memory by the kernel's own count, read until it has ended. */
async function measured(words, env) {
  const started = performance.now();
  const child = spawn(process.execPath, [CLI, ...words], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let bytes = 0;
  let mebibytes = 0;
  child.stdout.on('data', (chunk) => {
    bytes += chunk.length;
  });
  const look = setInterval(() => {
    try {
      const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      mebibytes = Math.max(mebibytes, Number(peak ?? 0) / 1024);
    } catch {
      clearInterval(look);
    }
  }, 20);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(look);
  return { seconds: (performance.now() - started) / 1_000, mebibytes, bytes, code };
}

async function agents() {
  const { COSTS, simulate } = await bundled('../support/simulated-agents.ts');
  const { randomFrom } = await bundled('../support/seeded.ts');
  const HOUR = 3_600_000;
  const ALL = ['look', 'status', 'wake'];
  const base = { hosts, schedule: '*/5 * * * *', splayMs: 30_000, bootSpreadMs: 0 };
  console.log(
    `agents: schedule ${base.schedule}, splay ${base.splayMs / 1_000} s; a look is ${COSTS.look} requests, a status ${COSTS.status}, wake is looked at each ${COSTS.wakeEveryMs / 1_000} s`,
  );
  for (const bootSpreadMs of [0, 10_000]) {
    const load = simulate({ ...base, bootSpreadMs, lengthMs: HOUR }, randomFrom(Number(seed)));
    const [from, to] = [900_000, 2_700_000];
    const perHost = (kinds) => load.total(kinds, from, to) / hosts / ((to - from) / 300_000);
    console.log(`launch within ${bootSpreadMs / 1_000} s:`);
    console.log(
      `  each host, in five minutes: ${ALL.map((kind) => `${perHost([kind]).toFixed(1)} ${kind}`).join(', ')}, ${perHost(ALL).toFixed(1)} in all`,
    );
    console.log(`  a second at most, in the first minute: ${peaks(load, 0, 60_000)}`);
    console.log(`  a second at most, later: ${peaks(load, 60_000, HOUR)}`);
  }
  const calledAt = HOUR / 2 + 60_000; // a minute past a tick of the schedule, when all is at rest
  const called = simulate({ ...base, bootSpreadMs: 10_000, lengthMs: HOUR, calledAt }, randomFrom(Number(seed)));
  console.log('a call from the desk:');
  console.log(`  a second at most, in the minute after: ${peaks(called, calledAt, calledAt + 60_000)}`);
  console.log(`  of ${hosts}, in so many seconds: ${(called.reached(calledAt, hosts) / 1_000).toFixed(0)}`);
  for (const [what, outage] of [
    ['an hour without the bucket', [HOUR, 2 * HOUR]],
    ['a launch into an hour without the bucket', [0, HOUR]],
  ]) {
    const load = simulate({ ...base, bootSpreadMs: 10_000, lengthMs: 3 * HOUR, outage }, randomFrom(Number(seed)));
    console.log(`${what}:`);
    console.log(`  a second at most, while it is away: ${peaks(load, ...outage)}`);
    console.log(`  a second at most, in the ten minutes after: ${peaks(load, outage[1], outage[1] + 600_000)}`);
  }

  function peaks(load, from, to) {
    return `${ALL.map((kind) => `${load.peak([kind], from, to)} ${kind}`).join(', ')}, ${load.peak(ALL, from, to)} in all`;
  }
}
