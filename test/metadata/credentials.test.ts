import { describe, expect, it } from 'vitest';
import { ImdsClient, type ImdsOptions } from '../../src/aws/imds.ts';
import type { RoleCredentials } from '../../src/cloud/metadata/description.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { roleCredentials } from '../../src/metadata/credentials.ts';
import { imdsAt, type RunningMetadata, startMetadata } from '../support/metadata.ts';
import { rejection } from '../support/readers.ts';
import { say, startWire } from '../support/wire.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const ROLE = 'meta-data/iam/security-credentials/';
const START = Math.floor(Date.now() / 1_000) * 1_000;

/** Time stands still but for what a test adds; sleeping is real. */
class Shifted {
  shift = 0;
  now = () => START + this.shift;
  elapsed = () => performance.now() + this.shift;
  sleep = systemClock.sleep;
}

function handedOut(serial: number, expiresAt: number): RoleCredentials {
  return {
    accessKeyId: `ASIA${serial}`,
    secretAccessKey: 'secret',
    sessionToken: `t${serial}`,
    expiresAt: new Date(expiresAt),
  };
}

const keysOf = (options: ImdsOptions) => ({ credentials: roleCredentials(new ImdsClient(options), options.clock) });

/** A role whose keys last six hours and are new at every request. */
async function roleFor(lastMs = 6 * HOUR) {
  const clock = new Shifted();
  let serial = 0;
  const credentials = () => handedOut(++serial, clock.now() + lastMs);
  const metadata = await startMetadata({ roleName: 'planet', credentials });
  return { clock, metadata, provider: keysOf(imdsAt(metadata.base, { clock, waitMs: 300 })) };
}

const keysAsked = (metadata: RunningMetadata) =>
  metadata.log.filter(({ path }) => path === `/latest/${ROLE}planet`).length;

describe('the credentials of a role', () => {
  it('are asked for once and kept', async () => {
    const { metadata, provider } = await roleFor();
    const first = await provider.credentials(false);
    expect(first).toEqual({
      accessKeyId: 'ASIA1',
      secretAccessKey: 'secret',
      sessionToken: 't1',
      expiresAt: START + 6 * HOUR,
    });
    expect(await provider.credentials(false)).toBe(first);
    expect(keysAsked(metadata)).toBe(1);
  });

  it('are asked for once by sixteen at the same time', async () => {
    const { metadata, provider } = await roleFor();
    const all = await Promise.all(Array.from({ length: 16 }, () => provider.credentials(false)));
    expect(new Set(all.map((each) => each?.accessKeyId))).toEqual(new Set(['ASIA1']));
    expect(keysAsked(metadata)).toBe(1);
  });

  it('are renewed a quarter of an hour before they expire', async () => {
    const { clock, provider } = await roleFor();
    await provider.credentials(false);
    clock.shift = 6 * HOUR - 16 * MINUTE;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA1');
    clock.shift = 6 * HOUR - 14 * MINUTE;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA2');
  });

  it('are asked for anew when that is wanted', async () => {
    const { provider } = await roleFor();
    await provider.credentials(false);
    expect((await provider.credentials(true))?.accessKeyId).toBe('ASIA2');
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA2');
  });

  it('that are soon over and not to be had longer cost a request a minute, not one each time', async () => {
    const { clock, metadata, provider } = await roleFor(10 * MINUTE);
    for (let i = 0; i < 20; i++) expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA1');
    expect(keysAsked(metadata)).toBe(1);
    clock.shift += 61_000;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA2');
  });

  it('that are over by a clock that is years ahead cost a request a minute, not one each time', async () => {
    const { clock, metadata, provider } = await roleFor(-14 * 365 * 24 * HOUR);
    for (let i = 0; i < 20; i++) expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA1');
    expect(keysAsked(metadata)).toBe(1);
    clock.shift += 61_000;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA2');
    expect((await provider.credentials(true))?.accessKeyId).toBe('ASIA3');
  });

  it('of a minute are renewed before half of it is over, and last it out when the service is down then', async () => {
    const { clock, metadata, provider } = await roleFor(MINUTE);
    await provider.credentials(false);
    clock.shift = 29_000;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA1');
    clock.shift = 31_000;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA2');
    await metadata.stop();
    for (const shift of [62_000, 78_000, 90_000]) {
      clock.shift = shift;
      expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA2');
    }
    clock.shift = 31_000 + MINUTE;
    expect(await rejection(provider.credentials(false))).toMatchObject({ code: 'metadata-unreachable' });
  });

  it('of a minute come back by themselves after the service was down', async () => {
    const { clock, metadata, provider } = await roleFor(MINUTE);
    await provider.credentials(false);
    metadata.faults.failFirst = 1_000;
    clock.shift = 40_000;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA1');
    metadata.faults.failFirst = 0;
    clock.shift = 55_000;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA2');
  });

  it('are used while they last when the service is down, and it is not waited for each time', async () => {
    const { clock, metadata, provider } = await roleFor();
    const held = await provider.credentials(false);
    await metadata.stop();
    clock.shift = 6 * HOUR - 10 * MINUTE;
    expect(await provider.credentials(false)).toBe(held);
    const started = performance.now();
    for (let i = 0; i < 20; i++) expect(await provider.credentials(false)).toBe(held);
    expect(performance.now() - started).toBeLessThan(200);
    clock.shift = 6 * HOUR + 1;
    expect(await rejection(provider.credentials(false))).toMatchObject({ code: 'metadata-unreachable' });
  });

  it('are used while they last when the service talks nonsense', async () => {
    const { clock, metadata, provider } = await roleFor();
    const held = await provider.credentials(false);
    metadata.facts = { roleName: '../x y', credentials: () => handedOut(9, START + HOUR) };
    clock.shift = 6 * HOUR - 10 * MINUTE;
    expect(await provider.credentials(false)).toBe(held);
  });

  it('that the store called expired are not handed out again when the service is down', async () => {
    const { metadata, provider } = await roleFor();
    await provider.credentials(false);
    await metadata.stop();
    expect(await rejection(provider.credentials(true))).toMatchObject({ code: 'metadata-unreachable' });
  });

  it('where there is no role, there are none, and that is not asked at every request', async () => {
    const clock = new Shifted();
    const metadata = await startMetadata();
    const provider = keysOf(imdsAt(metadata.base, { clock }));
    for (let i = 0; i < 20; i++) expect(await provider.credentials(false)).toBeUndefined();
    expect(metadata.log).toHaveLength(2);
    metadata.facts = { roleName: 'planet', credentials: () => handedOut(1, clock.now() + HOUR) };
    clock.shift = 10_000;
    expect((await provider.credentials(false))?.accessKeyId).toBe('ASIA1');
  });
});

describe('what cannot be credentials is refused without being said', () => {
  const good = {
    AccessKeyId: 'ASIA',
    SecretAccessKey: 'hush',
    Token: 'hush-token',
    Expiration: '2030-01-01T00:00:00Z',
  };

  it.each([
    ['a role that is a path', '../../x', JSON.stringify(good)],
    ['a role of HTML', '<html>', JSON.stringify(good)],
    ['HTML', 'planet', '<html>hush</html>'],
    ['no JSON', 'planet', '{"SecretAccessKey":"hush"'],
    ['null', 'planet', 'null'],
    ['a failure', 'planet', JSON.stringify({ Code: 'AssumeRoleUnauthorizedAccess', Message: 'hush' })],
    ['no expiry', 'planet', JSON.stringify({ ...good, Expiration: undefined })],
    ['an expiry that is none', 'planet', JSON.stringify({ ...good, Expiration: 'never' })],
    ['a secret that is no text', 'planet', JSON.stringify({ ...good, SecretAccessKey: { hush: 1 } })],
    ['a key with a line break', 'planet', JSON.stringify({ ...good, AccessKeyId: 'ASIA\r\nX-Evil: 1' })],
    ['a token with a line break', 'planet', JSON.stringify({ ...good, Token: 'hush\nX-Evil: 1' })],
  ])('%s', async (_, role, document) => {
    const wire = await startWire((response, request) => {
      if (request.method === 'PUT') return say(response, 200, 'token');
      say(response, 200, request.url === `/latest/${ROLE}` ? role : document);
    });
    const error = await rejection(keysOf(imdsAt(wire.url, { waitMs: 100 })).credentials(false));
    expect(error).toMatchObject({ code: 'metadata-invalid', step: 'metadata' });
    expect(JSON.stringify(error) + String(error)).not.toContain('hush');
    expect(wire.asked.every(({ url }) => !url.includes('..'))).toBe(true);
  });

  it('a role without a token has keys without a token', async () => {
    const wire = await startWire((response, request) => {
      if (request.method === 'PUT') return say(response, 200, 'token');
      say(response, 200, request.url === `/latest/${ROLE}` ? 'planet\nother' : JSON.stringify({ ...good, Token: '' }));
    });
    expect(await keysOf(imdsAt(wire.url)).credentials(false)).toEqual({
      accessKeyId: 'ASIA',
      secretAccessKey: 'hush',
      expiresAt: Date.UTC(2030, 0, 1),
    });
  });
});
