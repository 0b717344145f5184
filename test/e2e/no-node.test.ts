import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, describeWith, root } from '../support/needs.ts';
import { ACCESS, NoNodeCloud, WAYS } from '../support/no-node.ts';

/** A sample: each way once, private and public in turn. `npm run soak no-node` tries all. */
const SAMPLE = WAYS.map((way, at) => [way.name, ACCESS[at % 2]!, way] as const);
const NEEDS = ['curl', 'wget', 'openssl', 'python3', 'bash'].map((name) => command(name, name));

describeWith([root, ...NEEDS], 'an image without a Node', () => {
  let cloud: NoNodeCloud;
  beforeAll(async () => {
    cloud = await NoNodeCloud.open();
  }, 120_000);
  afterAll(() => cloud?.close());

  describe.each(SAMPLE)('%s, %s bucket', (_name, access, way) => {
    it('boots with the Node out of the bucket', { timeout: 150_000 }, async () => {
      const { ok, console } = await cloud.boot(way, access);
      expect({ ok, console }).toMatchObject({ ok: true });
      expect(console.join('\n')).toMatch(/haulout: runtime [0-9a-f]{12}: fetching/);
    });
  });
});
