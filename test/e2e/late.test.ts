import { afterEach, expect, it } from 'vitest';
import { bootLate, type LateBoot } from '../support/late.ts';
import { command, describeWith, root } from '../support/needs.ts';

const NEEDS = [root, command('faketime', 'faketime'), command('perl', 'perl'), command('apt-get', 'apt')];

/** Everything comes late, one after the other; a minute each in `npm run soak late`: reliability F4, F5, F6, F9. */
describeWith(NEEDS, 'a boot whose parts come late', () => {
  let boot: LateBoot | undefined;
  afterEach(() => boot?.close());

  it('completes soon after the latest, and says what it waited for', async () => {
    // The lock last and by far: the script's pauses are of chance length, and grow to ten seconds.
    const late = { metadata: 2, clock: 3, dns: 4, bucket: 6, lock: 24 };
    boot = await bootLate(late, '@1970-01-01 00:10:00');
    const waited = boot.status.waited.filter(({ boot: ofBoot }) => ofBoot);
    const lines = waited.map(({ step, code, ms }) => `${step} ${code} ${(ms / 1_000).toFixed(1)} s`);
    process.stdout.write(`late: ready ${(boot.ms / 1_000).toFixed(1)} s after user-data began; ${lines.join(', ')}\n`);
    expect(boot.status.health).toBe('healthy');
    const steps = waited.map(({ step }) => step);
    expect(steps).toEqual(expect.arrayContaining(['metadata', 'bucket', 'packages']));
    expect(waited.find(({ step }) => step === 'packages')?.code).toBe('packages-locked');
    expect(waited.every(({ over }) => over)).toBe(true);
    // Nothing is held up by much more than what was late; a machine that is busy elsewhere takes its time.
    expect(boot.ms).toBeLessThan((late.lock + 15) * 1_000 + 30_000);
    expect((await boot.role.exec('dpkg -s sl')).code).toBe(0);
  }, 180_000);
});
