// Everything comes late, in one instance: metadata, DNS, the clock, the bucket, the lock of the package manager; SECONDS each, all
// together, then one after the other (reliability F4-F6, F9). `npm run soak late [SECONDS]`, 60 by default. Needs faketime and perl.
import { bundled } from './bundled.mjs';

const seconds = Number(process.argv[2] ?? 60);
const { bootLate } = await bundled('../support/late.ts');

const CASES = {
  'all together': { metadata: seconds, dns: seconds, clock: seconds, bucket: seconds, lock: seconds },
  'one after the other': {
    metadata: seconds,
    clock: 1.5 * seconds,
    dns: 2 * seconds,
    bucket: 3 * seconds,
    lock: 4 * seconds,
  },
};
for (const [name, late] of Object.entries(CASES)) {
  const latest = Math.max(...Object.values(late));
  const boot = await bootLate(late, '@1970-01-01 00:10:00');
  const after = boot.ms / 1_000 - latest;
  console.log(
    `late, ${name}: ${JSON.stringify(late)}: ready ${(boot.ms / 1_000).toFixed(1)} s after user-data began, ${after.toFixed(1)} s after the latest`,
  );
  for (const { step, subject, code, ms } of boot.status.waited)
    console.log(`  waited ${(ms / 1_000).toFixed(1)} s for ${step}: ${subject} (${code})`);
  for (const { step, subject, from, ms } of boot.status.timeline)
    console.log(`  round: ${step} ${subject ?? ''} at ${from} ms, ${ms} ms`);
  if (after > 15) process.exitCode = 1;
  await boot.close();
}
