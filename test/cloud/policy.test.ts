import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Keys } from '../../src/cloud/keys.ts';
import { allows, checkPolicy, type Policy } from '../../src/cloud/s3/policy.ts';
import { type RunningS3, signed, startS3 } from '../support/s3.ts';

type Words = Readonly<Record<string, unknown>>;

/** As somebody's JSON file would be: of any shape. */
function policy(...statements: Words[]): Policy {
  return JSON.parse(JSON.stringify({ Version: '2012-10-17', Statement: statements })) as Policy;
}

const allow = (Action: string | string[], Resource: string | string[], more: Words = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});

const may = (given: Policy, action: string, path: string, context: Readonly<Record<string, string>> = {}) =>
  allows(checkPolicy(given), { action, resource: `arn:aws:s3:::${path}`, context });

describe('a policy', () => {
  it('allows what it names, and nothing else', () => {
    const given = policy(allow('s3:GetObject', 'arn:aws:s3:::b/a/*'));
    expect(may(given, 's3:GetObject', 'b/a/deep/er')).toBe(true);
    expect(may(given, 's3:getobject', 'b/a/x')).toBe(true);
    for (const path of ['b/ab', 'b/A/x', 'c/a/x', 'b/a']) expect(may(given, 's3:GetObject', path), path).toBe(false);
    expect(may(given, 's3:PutObject', 'b/a/x')).toBe(false);
    expect(may(policy(), 's3:GetObject', 'b/a/x')).toBe(false);
  });

  it('takes stars and question marks for what they are, and dots for dots', () => {
    const given = policy(allow(['s3:Get*', 's3:Head?ucket'], 'arn:aws:s3:::b.c/?.txt'));
    expect(may(given, 's3:GetObjectAcl', 'b.c/x.txt')).toBe(true);
    expect(may(given, 's3:HeadBucket', 'b.c/x.txt')).toBe(true);
    expect(may(given, 's3:GetObject', 'bxc/x.txt')).toBe(false);
    expect(may(given, 's3:GetObject', 'b.c/xx.txt')).toBe(false);
  });

  it('denies before it allows', () => {
    const denied = { Effect: 'Deny', Action: 's3:*', Resource: 'arn:aws:s3:::b/secret/*' };
    const given = policy(allow('*', '*'), denied);
    expect(may(given, 's3:GetObject', 'b/open')).toBe(true);
    expect(may(given, 's3:GetObject', 'b/secret/x')).toBe(false);
  });

  it('holds its condition on the prefix, and a request without one does not meet it', () => {
    const like = allow('s3:ListBucket', '*', { Condition: { StringLike: { 's3:prefix': ['a/*', ''] } } });
    const equal = allow('s3:ListBucket', '*', { Condition: { StringEquals: { 's3:prefix': 'a/*' } } });
    const list = (given: Words, context: Readonly<Record<string, string>>) =>
      may(policy(given), 's3:ListBucket', 'b', context);
    expect(list(like, { 's3:prefix': 'a/b' })).toBe(true);
    expect(list(like, { 's3:prefix': '' })).toBe(true);
    expect(list(like, { 's3:prefix': 'b/' })).toBe(false);
    expect(list(like, {})).toBe(false);
    expect(list(equal, { 's3:prefix': 'a/b' })).toBe(false);
    expect(list(equal, { 's3:prefix': 'a/*' })).toBe(true);
  });

  it.each([
    ['operator', allow('*', '*', { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }), 'operator IpAddress'],
    [
      'condition key',
      allow('*', '*', { Condition: { StringLike: { 'aws:userid': '*' } } }),
      'condition key aws:userid',
    ],
    ['element', { ...allow('*', '*'), Principal: '*' }, 'element Principal'],
    ['element', { Effect: 'Allow', NotAction: '*', Resource: '*' }, 'element NotAction'],
    ['effect', { ...allow('*', '*'), Effect: 'Perhaps' }, 'Effect Perhaps'],
    ['variable', allow('*', 'arn:aws:s3:::b/${aws:username}'), 'variable arn:aws:s3:::b/${aws:username}'],
    ['half a statement', { Effect: 'Allow', Action: '*' }, 'a statement without Action or Resource'],
  ])('with another %s is refused by name', (_what, statement, name) => {
    expect(() => checkPolicy(policy(statement))).toThrow(`does not know this in a policy: ${name}`);
    expect(() => new Keys().add({ policy: policy(statement) })).toThrow(name);
  });
});

describe('the endpoint', () => {
  let s3: RunningS3;
  const keys = new Keys();
  beforeAll(async () => {
    s3 = await startS3({ keys: keys.find });
    for (const key of ['a/x', 'a/y', 'b/x']) await s3.endpoint.put('bkt', key, { bytes: Buffer.from(key) });
  });
  afterAll(() => s3.close());

  const as = (...statements: Words[]) => {
    const key = keys.add({ policy: policy(...statements) });
    return async (method: string, path: string, more: Parameters<typeof signed>[1] = {}) => {
      const { status, code } = await signed(s3.url, { method, path: `/bkt${path}`, key, ...more });
      return code ?? status;
    };
  };
  const ON_A = 'arn:aws:s3:::bkt/a/*';

  it('asks for the permission of each operation', async () => {
    const reader = as(allow('s3:GetObject', ON_A));
    expect(await reader('GET', '/a/x')).toBe(200);
    expect(await reader('HEAD', '/a/x')).toBe(200);
    expect(await reader('GET', '/b/x')).toBe('AccessDenied');
    expect(await reader('PUT', '/a/x', { body: 'new' })).toBe('AccessDenied');
    expect(await reader('DELETE', '/a/x')).toBe('AccessDenied');
    expect(await reader('GET', '', { query: [['list-type', '2']] })).toBe('AccessDenied');
    expect(await reader('POST', '/a/x', { query: [['uploads', '']] })).toBe('AccessDenied');
    const text = await s3.endpoint.get('bkt', 'a/x', 100);
    expect(Buffer.from(text ?? []).toString()).toBe('a/x');
  });

  it('calls what is missing forbidden for those who may not list', async () => {
    expect(await as(allow('s3:GetObject', ON_A))('GET', '/a/none')).toBe('AccessDenied');
    const lister = as(allow('s3:GetObject', ON_A), allow('s3:ListBucket', 'arn:aws:s3:::bkt'));
    expect(await lister('GET', '/a/none')).toBe('NoSuchKey');
  });

  it('reads the prefix of a listing', async () => {
    const onA = { Condition: { StringEquals: { 's3:prefix': 'a/' } } };
    const lister = as(allow('s3:ListBucket', 'arn:aws:s3:::bkt', onA));
    const list = (...query: [string, string][]) => lister('GET', '', { query: [['list-type', '2'], ...query] });
    expect(await list(['prefix', 'a/'])).toBe(200);
    expect(await list(['prefix', 'b/'])).toBe('AccessDenied');
    expect(await list()).toBe('AccessDenied');
    expect(await lister('HEAD', '')).toBe(403);
  });

  it('wants to read what is compared or copied', async () => {
    const writer = as(allow('s3:PutObject', ON_A));
    expect(await writer('PUT', '/a/new', { body: '1', headers: { 'if-none-match': '*' } })).toBe(200);
    expect(await writer('PUT', '/a/new', { body: '2', headers: { 'if-match': '"x"' } })).toBe('AccessDenied');
    expect(await writer('PUT', '/a/copy', { headers: { 'x-amz-copy-source': '/bkt/b/x' } })).toBe('AccessDenied');
    const copier = as(allow('s3:PutObject', ON_A), allow('s3:GetObject', 'arn:aws:s3:::bkt/b/*'));
    expect(await copier('PUT', '/a/copy', { headers: { 'x-amz-copy-source': '/bkt/b/x' } })).toBe(200);
  });

  it('deletes of a list what may be deleted, and names the rest', async () => {
    await s3.endpoint.put('bkt', 'a/gone', { bytes: Buffer.from('x') });
    const key = keys.add({ policy: policy(allow('s3:DeleteObject', ON_A)) });
    const body = '<Delete><Object><Key>a/gone</Key></Object><Object><Key>b/x</Key></Object></Delete>';
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
    const { status, text } = await signed(s3.url, {
      method: 'POST',
      path: '/bkt',
      query: [['delete', '']],
      key,
      body,
      headers,
    });
    expect(status).toBe(200);
    expect(text).toMatch(/<Deleted><Key>a\/gone<\/Key><\/Deleted>/);
    expect(text).toMatch(/<Error><Key>b\/x<\/Key><Code>AccessDenied<\/Code>/);
    expect(s3.endpoint.list('bkt', 'b/')).toHaveLength(1);
  });

  it('lets a key without a policy do everything, and follows one that is replaced', async () => {
    const key = keys.add();
    const get = () => signed(s3.url, { path: '/bkt/a/x', key });
    expect((await get()).status).toBe(200);
    keys.add({ ...key, policy: policy(allow('s3:GetObject', 'arn:aws:s3:::other/*')) });
    expect((await get()).code).toBe('AccessDenied');
  });
});
