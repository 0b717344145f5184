import { describe, expect, it } from 'vitest';
import { differences } from '../../src/cli/push/differences.ts';
import { followingOf } from '../../src/cli/push/followers.ts';

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
const OTHER = '0cc175b9c0f1b6a831c399e269772661';

describe('what differs', () => {
  const local = [{ key: 'haulout.ini', size: 1, md5: MD5, sha256: '' }];
  const at = (etag: string, size = 1) => [{ key: 'haulout.ini', size, etag, lastModified: 0 }];

  it.each([
    ['an object of the same sum', at(MD5), []],
    ['another sum', at(OTHER), ['haulout.ini']],
    ['another size, whatever the sum says', at(MD5, 2), ['haulout.ini']],
    ['a tag that is no sum: parts, or encrypted', at(`${MD5}-2`), ['haulout.ini']],
    ['no tag', at(''), ['haulout.ini']],
    ['nothing there', [], ['haulout.ini']],
  ])('%s', (_, remote, upload) => {
    expect(differences(local, remote)).toEqual({ upload, extra: [], same: 1 - upload.length });
  });

  it('what only the bucket has is extra', () => {
    const remote = [...at(MD5), { key: 'root/old', size: 1, etag: OTHER, lastModified: 0 }];
    expect(differences(local, remote)).toEqual({ upload: [], extra: ['root/old'], same: 1 });
  });
});

describe('an instance follows', () => {
  const digest = 'd'.repeat(64);
  const before = 'b'.repeat(64);
  const goal = { digest, since: Date.UTC(2026, 10, 26, 12) };
  const lastSync = {
    startedAt: '2026-11-26T12:00:03.000Z',
    ms: 1_500,
    steps: 1,
    changed: [],
    requests: 3,
    bytes: 10,
  };
  const trouble = { code: 'hook-failed', step: 'service', subject: 'service:web', reason: 'it ended with 1', hint: '' };
  const status = (health: 'healthy' | 'degraded', content: object, more: object = {}) =>
    ({ health, content, lastSync, ...more }) as Parameters<typeof followingOf>[0];

  it.each([
    ['not yet', status('healthy', { wanted: before, active: before }), { state: 'waiting' }],
    ['seen', status('healthy', { wanted: digest, active: before }), { state: 'working' }],
    [
      'done',
      status('healthy', { wanted: digest, active: digest }),
      { state: 'followed', started: 3_000, ended: 4_500 },
    ],
    [
      'done at a look before the push, because nothing differed',
      {
        ...status('healthy', { wanted: digest, active: digest }),
        lastSync: { ...lastSync, startedAt: '2026-11-26T11:00:00.000Z' },
      },
      { state: 'followed', started: 0, ended: 0 },
    ],
    [
      'tried, and not well: it may mend',
      status('degraded', { wanted: digest, active: before }, { trouble }),
      { state: 'failed', step: 'service:web', code: 'hook-failed', reason: 'it ended with 1', final: false },
    ],
    [
      'given up: the old content is back, and it is healthy',
      status('healthy', {
        wanted: digest,
        active: before,
        setAside: { digest, code: 'hook-failed', subject: 'service:web' },
      }),
      { state: 'failed', step: 'service:web', code: 'hook-failed', reason: 'it was given up', final: true },
    ],
    [
      'trouble of before is no trouble of the push',
      status('degraded', { wanted: before, active: before }, { trouble }),
      { state: 'waiting' },
    ],
    ['active, but not well yet', status('degraded', { wanted: digest, active: digest }), { state: 'working' }],
  ])('%s', (_, found, expected) => {
    expect(followingOf(found, goal)).toEqual(expected);
  });
});
