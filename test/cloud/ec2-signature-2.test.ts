import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Parameters } from '../../src/cloud/ec2/parameters.ts';
import { claimOfParameters } from '../../src/cloud/ec2/signature-2.ts';
import { CREDENTIALS, type RunningEc2, startEc2 } from '../support/ec2.ts';
import { KEY, raw, TEMPORARY_KEY } from '../support/s3.ts';

let ec2: RunningEc2;
beforeEach(async () => {
  ec2 = await startEc2();
});
afterEach(() => ec2.close());

interface Signing {
  readonly secret?: string;
  readonly algorithm?: 'sha256' | 'sha1';
  /** In place of what is said by default, or beside it; `undefined` leaves it out. */
  readonly words?: Readonly<Record<string, string | undefined>>;
  /** Said in the query of a GET, not in the form of a POST. */
  readonly inQuery?: boolean;
  /** Changes what was signed. */
  readonly forge?: (text: string) => string;
}

/** In seconds, as euca2ools writes it. */
const stamp = (at = Date.now()) => new Date(at).toISOString().replace(/\.\d+/, '');
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Signs by hand what is asked, and asks it. */
async function ask(asked: string, how: Signing = {}) {
  const { secret = KEY.secretAccessKey, algorithm = 'sha256', inQuery = false, forge = (text) => text } = how;
  const said = {
    AWSAccessKeyId: KEY.accessKeyId,
    SignatureVersion: '2',
    SignatureMethod: algorithm === 'sha1' ? 'HmacSHA1' : 'HmacSHA256',
    Timestamp: stamp(),
    ...Object.fromEntries(new URLSearchParams(asked)),
    ...how.words,
  };
  const pairs = Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const text = pairs
    .map(([name = '', value = '']) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const toSign = `${inQuery ? 'GET' : 'POST'}\n${new URL(ec2.url).host}\n/\n${text}`;
  const signature = createHmac(algorithm, secret).update(toSign).digest('base64');
  const body = forge(`Signature=${encodeURIComponent(signature)}&${text}`);
  if (inQuery) return await raw(ec2.url, { rawPath: `/?${body}` });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return await raw(ec2.url, { method: 'POST', body, headers });
}

const DESCRIBE = 'Action=DescribeInstances&Version=2014-06-15';
/** As euca2ools 3.2 was seen to send it, but for the signature. */
const RUN =
  'UserData=IyEvYmluL3No&ImageId=ami-12345678&Version=2014-06-15&MaxCount=1&Action=RunInstances&MinCount=1&InstanceType=m1.small';

it("is the one of Amazon's own example", () => {
  const asked = new URLSearchParams(
    'AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Action=DescribeJobFlows&SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=2011-10-03T15%3A19%3A30&Version=2009-03-31&Signature=i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf%2FMj6vPxyYIs%3D',
  );
  const incoming = { method: 'GET', headers: { host: 'elasticmapreduce.amazonaws.com' } } as IncomingMessage;
  const signed = { incoming, path: '/', query: [], body: Buffer.alloc(0) };
  const claim = claimOfParameters(signed, new Parameters(asked));
  expect(claim).toMatchObject({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', at: Date.UTC(2011, 9, 3, 15, 19, 30) });
  expect(claim.holds('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY')).toBe(true);
  expect(claim.holds('another')).toBe(false);
});

it('is believed in a form and in a query, by either digest, and no action hears of it', async () => {
  expect(await ask(RUN)).toMatchObject({ status: 200, text: expect.stringContaining('<name>pending</name>') });
  expect(await ask(DESCRIBE, { inQuery: true })).toMatchObject({ status: 200 });
  expect(await ask(DESCRIBE, { algorithm: 'sha1' })).toMatchObject({ status: 200 });
  expect(await ask(`${DESCRIBE}&Filter.1.Name=tag%3A*%20%2B~%C3%A9&Filter.1.Value.1=a`)).toMatchObject({ status: 200 });
  expect(ec2.log.every(({ accessKeyId }) => accessKeyId === KEY.accessKeyId)).toBe(true);
  expect(ec2.log[0]!.parameters).toEqual(Object.fromEntries(new URLSearchParams(RUN)));
});

it('differs when a request is repeated, which is the same request all the same', async () => {
  const first = await ask(`${RUN}&ClientToken=t`, { words: { Timestamp: stamp(Date.now() - 60_000) } });
  expect(first.status).toBe(200);
  const id = /<instanceId>(.*?)</.exec(first.text)![1]!;
  expect(await ask(`${RUN}&ClientToken=t`)).toMatchObject({ status: 200, text: expect.stringContaining(id) });
});

it('carries the token of a key that has one', async () => {
  await ec2.close();
  ec2 = await startEc2({ keys: (id) => (id === TEMPORARY_KEY.accessKeyId ? TEMPORARY_KEY : undefined) });
  const { accessKeyId: AWSAccessKeyId, secretAccessKey: secret, sessionToken: SecurityToken } = TEMPORARY_KEY;
  expect(await ask(DESCRIBE, { secret, words: { AWSAccessKeyId, SecurityToken } })).toMatchObject({ status: 200 });
  expect(await ask(DESCRIBE, { secret, words: { AWSAccessKeyId } })).toMatchObject({ status: 401 });
});

it.each<[string, Signing, number, string]>([
  ['a wrong secret', { secret: 'wrong' }, 401, 'AuthFailure'],
  ['an unknown key', { words: { AWSAccessKeyId: 'AKIANOBODY' } }, 401, 'AuthFailure'],
  ['another action than was signed', { forge: (text) => text.replace('Describe', 'Terminate') }, 401, 'AuthFailure'],
  ['a word more than was signed', { forge: (text) => `${text}&InstanceId.1=i-12345678` }, 401, 'AuthFailure'],
  ['a token that the key has not', { words: { SecurityToken: 'x' } }, 401, 'AuthFailure'],
  ['another version', { words: { SignatureVersion: '1' } }, 401, 'AuthFailure'],
  ['another digest', { words: { SignatureMethod: 'HmacMD5' } }, 401, 'AuthFailure'],
  ['no time at all', { words: { Timestamp: 'now' } }, 401, 'AuthFailure'],
  ['no time said', { words: { Timestamp: undefined } }, 400, 'MissingParameter'],
  ['no signature', { forge: (text) => text.replace(/^[^&]*&/, '') }, 400, 'MissingParameter'],
  ['yesterday', { words: { Timestamp: stamp(Date.now() - 86_400_000) } }, 400, 'RequestExpired'],
  ['tomorrow', { words: { Timestamp: stamp(Date.now() + 86_400_000) } }, 400, 'RequestExpired'],
])('%s is refused', async (_, how, status, code) => {
  expect(await ask(DESCRIBE, how)).toMatchObject({ status, code });
});

it('a key with a policy may do nothing here', async () => {
  const policy = { Statement: { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' } } as const;
  await ec2.close();
  ec2 = await startEc2({ keys: () => ({ ...CREDENTIALS, policy }) });
  expect(await ask(DESCRIBE)).toMatchObject({ status: 403, code: 'UnauthorizedOperation' });
});
