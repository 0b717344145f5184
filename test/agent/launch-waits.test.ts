import { expect, it } from 'vitest';
import { launchWaits } from '../../src/agent/launch-waits.ts';

const told = (rows: unknown) =>
  launchWaits(JSON.stringify(rows)).map(({ step, subject, code, ms }) => [step, subject, code, ms]);

it('what the script waited for has a step, a subject and a reason code', () => {
  expect(
    told([
      ['metadata: meta-data/instance-id', 'connect ECONNREFUSED 169.254.169.254:80', 61_000],
      ['metadata: api/token', 'it answers 503', 2_000],
      ['metadata: api/token', 'ECONNRESET', 2_500],
      ['bucket: s3://b/.haulout/agent/x', 'getaddrinfo EAI_AGAIN store.test', 3_000],
      ['bucket: s3://b/a: b', 'it answers 403 AccessDenied', 4_000],
      ['bucket: s3://b/x', 'CERT_NOT_YET_VALID', 5_000],
      ['bucket: s3://b/x', 'no answer within 10 s', 10_000],
      ['bucket: s3://b/short', 'no answer within 10 s', 999],
    ]),
  ).toEqual([
    ['metadata', 'meta-data/instance-id', 'ECONNREFUSED', 61_000],
    ['metadata', 'api/token', 'http-503', 2_000],
    ['metadata', 'api/token', 'ECONNRESET', 2_500],
    ['bucket', 's3://b/.haulout/agent/x', 'EAI_AGAIN', 3_000],
    ['bucket', 's3://b/a: b', 's3-AccessDenied', 4_000],
    ['bucket', 's3://b/x', 'CERT_NOT_YET_VALID', 5_000],
    ['bucket', 's3://b/x', 'not-yet', 10_000],
  ]);
});

it.each([undefined, '', 'x', 'null', '{}', '[1]', '[["a",1,2]]', '[["nothing","x",5000]]', '[["a: b","x",1e99]]'])(
  'anything else is nothing: %s',
  (text) => expect(launchWaits(text)).toEqual([]),
);

it('of a flood a few are kept', () => {
  expect(told(Array(9_999).fill(['bucket: s3://b/x', 'x', 5_000]))).toHaveLength(20);
});
