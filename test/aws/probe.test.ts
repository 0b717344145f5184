import { describe, expect, it } from 'vitest';
import { probeConditionalWrites } from '../../src/aws/probe.ts';
import { s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';
import { errorXml, say, startWire } from '../support/wire.ts';

const placeAt = (url: string) => ({ endpoint: { url, region: REGION }, bucket: 'bkt', credentials: KEY });

describe('what a store does with conditional writes is found out', () => {
  it.each([
    [undefined, 'enforced'],
    ['ignored', 'ignored'],
    ['refused', 'refused'],
  ] as const)('conditions %s, and nothing is left behind', async (conditionalWrites, found) => {
    const s3 = await s3ForTest(conditionalWrites ? { conditionalWrites } : {});
    const place = placeAt(s3.url);
    expect(await probeConditionalWrites(place, 'state/probe/')).toEqual({ createOnly: found, ifMatch: found });
    expect(new Set(s3.log.map(({ key }) => key)).size).toBe(1);
    expect(s3.endpoint.list('bkt', '')).toEqual([]);
  });

  it.each([
    ['only the tag without quotes', 'e1', { ifMatch: 'enforced', bareTags: true }],
    ['no tag at all', '', { ifMatch: 'refused' }],
  ])('a store whose If-Match takes %s', async (_, taken, expected) => {
    const wire = await startWire((response, { method, headers }) => {
      const tag = headers['if-match'];
      const fits = tag === undefined || tag === taken;
      if (method === 'DELETE') say(response, 204, '');
      else say(response, fits ? 200 : 412, fits ? '' : errorXml('PreconditionFailed'), { etag: '"e1"' });
    });
    expect(await probeConditionalWrites(placeAt(wire.url), 'p/')).toEqual({ createOnly: 'ignored', ...expected });
  });
});
