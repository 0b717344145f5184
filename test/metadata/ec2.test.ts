import { describe, expect, it } from 'vitest';
import type { MetadataRequest } from '../../src/cloud/metadata/handler.ts';
import { isIdentity } from '../../src/metadata/provider.ts';
import { askedAt, startMetadata } from '../support/metadata.ts';
import { rejection } from '../support/readers.ts';
import { say, startWire } from '../support/wire.ts';

const DOCUMENT = {
  instanceId: 'i-0abcdef0123456789',
  instanceType: 't3.micro',
  imageId: 'ami-0123456789abcdef0',
  accountId: '123456789012',
  region: 'eu-central-1',
  availabilityZone: 'eu-central-1b',
  privateIp: '10.0.0.7',
};

/**
 * A metadata service at the wire that tells whatever a test puts into it. What it is not: EC2's; it takes any token, and has
 * nothing that a test did not put there.
 */
async function telling(leaves: Readonly<Record<string, string>>) {
  const wire = await startWire((response, request) => {
    if (request.method === 'PUT') return say(response, 200, 'token');
    const text = leaves[decodeURIComponent(request.url ?? '').slice('/latest/'.length)];
    say(response, text === undefined ? 404 : 200, text ?? '<html>404</html>');
  });
  return askedAt(wire.url, { waitMs: 100 });
}

const withDocument = (change: Readonly<Record<string, unknown>>, more: Readonly<Record<string, string>> = {}) =>
  telling({ 'dynamic/instance-identity/document': JSON.stringify({ ...DOCUMENT, ...change }), ...more });

describe('the identity', () => {
  it('has everything, in few requests', async () => {
    const metadata = await startMetadata({ publicIpv4: '203.0.113.7', metadataTags: true });
    const identity = await askedAt(metadata.base).identity();
    expect(identity).toEqual({
      instanceId: 'i-0abcdef0000000010',
      instanceType: 't3.micro',
      imageId: 'ami-0123456789abcdef0',
      accountId: '123456789012',
      region: 'eu-central-1',
      availabilityZone: 'eu-central-1b',
      localIpv4: '10.77.0.10',
      publicIpv4: '203.0.113.7',
      hostname: 'ip-10-77-0-10.eu-central-1.compute.internal',
      tags: { Name: 'planet', role: 'web' },
    });
    expect(isIdentity(identity)).toBe(true);
    expect(metadata.log.length).toBeLessThanOrEqual(7);
    expect(metadata.log.slice(1).every((request: MetadataRequest) => request.withToken)).toBe(true);
  });

  it('without a public address and with tags switched off has neither', async () => {
    const metadata = await startMetadata();
    const { publicIpv4, tags } = await askedAt(metadata.base).identity();
    expect([publicIpv4, { ...tags }]).toEqual(['', {}]);
  });

  it.each([
    ['instanceId', '../../x', 'instance-id'],
    ['instanceId', 'i-0abcdef0\n', 'instance-id'],
    ['instanceId', 'i-0abcdef0/../x', 'instance-id'],
    ['instanceId', 'i-', 'instance-id'],
    ['instanceId', 'I-0ABCDEF0', 'instance-id'],
    ['instanceId', `i-${'0'.repeat(33)}`, 'instance-id'],
    ['instanceId', '7F1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001', 'instance-id'],
    ['instanceId', '7f1b0c1e58a54b1c8f0a2f4de2a1f001', 'instance-id'],
    ['instanceId', ['i-0abcdef0'], 'instance-id'],
    ['instanceId', null, 'instance-id'],
    ['instanceId', undefined, 'instance-id'],
    ['instanceType', '<b>t3</b>', 'instance-type'],
    ['imageId', '$(reboot)', 'ami-id'],
    ['accountId', '', 'account-id'],
    ['region', 'eu central', 'region'],
    ['region', `eu${'u'.repeat(200)}`, 'region'],
    ['availabilityZone', 'a\r\nb', 'availability-zone'],
    ['privateIp', '10.0.0.7; rm -rf /', 'local-ipv4'],
    ['privateIp', 10, 'local-ipv4'],
    ['privateIp', '10.0.0.700', 'local-ipv4'],
  ])('%s %j is refused by name, and not repeated', async (key, value, subject) => {
    const error = await rejection((await withDocument({ [key]: value })).identity());
    expect(error).toMatchObject({ code: 'metadata-invalid', step: 'metadata', subject });
    if (typeof value === 'string' && value !== '') expect(String(error)).not.toContain(value);
  });

  it.each([
    '',
    'null',
    '42',
    '"text"',
    '[]',
    '{',
    '<html>Please log in</html>',
    '{"instanceId":"i-0abcdef0"} trailing',
  ])('the document %j is refused', async (text) => {
    const provider = await telling({ 'dynamic/instance-identity/document': text });
    expect(await rejection(provider.identity())).toMatchObject({ code: 'metadata-invalid' });
  });

  it('a service that knows nothing of an instance is named, after it was asked for a while', async () => {
    expect(await rejection((await telling({})).identity())).toMatchObject({ code: 'metadata-unknown' });
  });

  it('what may be absent is absent when it is hostile', async () => {
    const provider = await withDocument(
      { __proto__: { polluted: true }, extra: 'ignored' },
      { 'meta-data/public-ipv4': '<html>', 'meta-data/local-hostname': 'a b\n../..' },
    );
    const { publicIpv4, hostname } = await provider.identity();
    expect([publicIpv4, hostname, 'polluted' in {}]).toEqual(['', '', false]);
  });
});

describe('tags', () => {
  it('are as they were set, names that a prototype has among them', async () => {
    const tags = { Name: 'my planet', constructor: 'x', toString: 'y', empty: '', 'a:b@c+d=e': '\u00e9 / 100% <b>' };
    const metadata = await startMetadata({ metadataTags: true, tags });
    const identity = await askedAt(metadata.base).identity();
    expect({ ...identity.tags }).toEqual(tags);
    expect(Object.getPrototypeOf(identity.tags)).toBeNull();
  });

  it('that cannot be tags are left out', async () => {
    const listing = [
      'ok',
      'a/b',
      '.',
      '..',
      '',
      'x'.repeat(129),
      'bad\u001b',
      'multi',
      'long',
      'gone',
      '__proto__',
    ].join('\n');
    const leaves = { ok: 'yes', multi: 'a\nb', long: 'x'.repeat(257), __proto__: 'no' };
    const values = Object.entries(leaves).map(([key, value]) => [`meta-data/tags/instance/${key}`, value]);
    const provider = await withDocument({}, { 'meta-data/tags/instance': listing, ...Object.fromEntries(values) });
    const { tags } = await provider.identity();
    expect(Object.entries(tags)).toEqual([['ok', 'yes']]);
  });

  it('of a service that lists without end are fifty', async () => {
    const names = Array.from({ length: 500 }, (_, i) => `tag${i}`);
    const leaves = Object.fromEntries(names.map((name) => [`meta-data/tags/instance/${name}`, 'v']));
    const provider = await withDocument({}, { 'meta-data/tags/instance': names.join('\n'), ...leaves });
    expect(Object.keys((await provider.identity()).tags)).toHaveLength(50);
  });
});

describe('an identity that was kept on disk', () => {
  const { privateIp, ...rest } = DOCUMENT;
  const whole = { ...rest, localIpv4: privateIp, publicIpv4: '', hostname: '', tags: { a: 'b' } };

  it('is one when every field is there and of its type', () => {
    expect(isIdentity(whole)).toBe(true);
    expect(isIdentity({ ...whole, instanceId: '7f1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001' })).toBe(true);
  });

  it.each([
    undefined,
    null,
    'text',
    [],
    {},
    { ...whole, instanceId: 'i-../x' },
    { ...whole, instanceId: '7f1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001/..' },
    { ...whole, instanceId: 'i-0abcdef0\n' },
    { ...whole, region: 7 },
    { ...whole, hostname: undefined },
    { ...whole, tags: undefined },
    { ...whole, tags: null },
    { ...whole, tags: { a: 1 } },
  ])('is none: %j', (value) => {
    expect(isIdentity(value)).toBe(false);
  });
});
