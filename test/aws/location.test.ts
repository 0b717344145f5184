import { describe, expect, it } from 'vitest';
import { bucketOrigin, parseBucketAddress } from '../../src/aws/location.ts';

describe('an s3 address', () => {
  it.each([
    ['s3://bkt', 'bkt', ''],
    ['s3://bkt/', 'bkt', ''],
    ['s3://bkt///', 'bkt', ''],
    ['s3://bkt/planet', 'bkt', 'planet'],
    ['s3://bkt/planet/', 'bkt', 'planet'],
    ['s3://bkt//envs/prod/planet//', 'bkt', 'envs/prod/planet'],
    ['s3://my.dotted.bucket/a b/\u00e9', 'my.dotted.bucket', 'a b/\u00e9'],
    ['s3://Old_Walrus-Bucket/x', 'Old_Walrus-Bucket', 'x'],
    ['s3://bkt/.haulout', 'bkt', '.haulout'],
    ['s3://bkt/..a/b..', 'bkt', '..a/b..'],
  ])('%s is bucket %s with prefix %j', (text, bucket, prefix) => {
    expect(parseBucketAddress(text)).toEqual({ bucket, prefix });
  });

  it.each([
    '',
    'bkt',
    's3:/bkt',
    's3://',
    's3:///planet',
    's3://b',
    's3://-bkt/x',
    's3://.bkt',
    's3://b/kt',
    's3://bkt:9000/x',
    's3://user@bkt/x',
    'S3://bkt',
    'https://bkt.s3.amazonaws.com/x',
    ' s3://bkt',
    's3://bkt/a//b',
    's3://bkt/a/../b',
    's3://bkt/..',
    's3://bkt/.',
    's3://bkt/a/./b',
    's3://bkt/a\nb',
    's3://bkt/a\u0000b',
    's3://bkt\n/a',
    `s3://b${'k'.repeat(255)}/x`,
  ])('%j is none', (text) => {
    expect(parseBucketAddress(text)).toBeUndefined();
  });
});

describe('where requests go', () => {
  const WALRUS = 'http://h:8773/services/Walrus';

  it.each([
    [undefined, 'eu-west-1', 'bkt', 'https:', 'bkt.s3.eu-west-1.amazonaws.com', 443, undefined, '/'],
    [undefined, 'us-east-1', 'a.b.c', 'https:', 's3.us-east-1.amazonaws.com', 443, undefined, '/a.b.c/'],
    [undefined, 'cn-north-1', 'bkt', 'https:', 'bkt.s3.cn-north-1.amazonaws.com.cn', 443, undefined, '/'],
    [undefined, 'cn-north-1', 'b.c', 'https:', 's3.cn-north-1.amazonaws.com.cn', 443, undefined, '/b.c/'],
    [WALRUS, 'walrus', 'bkt', 'http:', 'h', 8773, 'h:8773', '/services/Walrus/bkt/'],
    [`${WALRUS}/`, 'walrus', 'bkt', 'http:', 'h', 8773, 'h:8773', '/services/Walrus/bkt/'],
    [`${WALRUS}///`, 'walrus', 'a.b', 'http:', 'h', 8773, 'h:8773', '/services/Walrus/a.b/'],
    ['https://store.example', 'r', 'bkt', 'https:', 'store.example', 443, 'store.example', '/bkt/'],
    ['https://store.example:443/', 'r', 'bkt', 'https:', 'store.example', 443, 'store.example', '/bkt/'],
    ['https://store.example:80', 'r', 'bkt', 'https:', 'store.example', 80, 'store.example:80', '/bkt/'],
    ['http://store.example', 'r', 'bkt', 'http:', 'store.example', 80, 'store.example', '/bkt/'],
    ['http://store.example:80//', 'r', 'bkt', 'http:', 'store.example', 80, 'store.example', '/bkt/'],
    ['http://Store.Example:9000', 'r', 'bkt', 'http:', 'store.example', 9000, 'store.example:9000', '/bkt/'],
    ['http://[2001:db8::1]:9000', 'r', 'bkt', 'http:', '2001:db8::1', 9000, '[2001:db8::1]:9000', '/bkt/'],
    ['https://[::1]', 'r', 'bkt', 'https:', '::1', 443, '[::1]', '/bkt/'],
    ['http://10.0.0.1:3900', 'garage', 'bkt', 'http:', '10.0.0.1', 3900, '10.0.0.1:3900', '/bkt/'],
    ['https://{bucket}.oss.example', 'r', 'bkt', 'https:', 'bkt.oss.example', 443, 'bkt.oss.example', '/'],
    ['http://{bucket}.h:9000/p/', 'r', 'bkt', 'http:', 'bkt.h', 9000, 'bkt.h:9000', '/p/'],
    ['http://h:1/a%20b', 'r', 'bkt', 'http:', 'h', 1, 'h:1', '/a%20b/bkt/'],
    ['http://h:1/a b', 'r', 'bkt', 'http:', 'h', 1, 'h:1', '/a%20b/bkt/'],
  ])('endpoint %s, region %s, bucket %s', (url, region, bucket, protocol, hostname, port, host, basePath) => {
    const expected = { protocol, hostname, port, host: host ?? hostname, basePath };
    expect(bucketOrigin({ url, region }, bucket)).toEqual(expected);
  });

  it.each(['', '//h/x', 'http://', 'http://[::1', 'http://h:99999'])('%j is refused as no URL', (url) => {
    expect(() => bucketOrigin({ url, region: 'r' }, 'bkt')).toThrow(TypeError);
  });
});
