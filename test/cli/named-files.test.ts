import { describe, expect, it } from 'vitest';
import { haulout } from '../support/cli.ts';
import { put, scratch } from '../support/scratch.ts';

const EC2 = ['--ec2-endpoint-url', 'http://127.0.0.1:1'];
const KEYS = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' };

describe('a path that leads to nothing, or to something else', () => {
  it.each([
    ['launch', ['launch', 's3://bkt/planet', '--image-id', 'ami-12345678', '--user-data', 'none', ...EC2], 64, 'none'],
    ['swap', ['swap', 'i-0123456789abcdef0', '--user-data', 'none', ...EC2], 64, 'none'],
    ['try', ['try', 'role', '--user-data', 'none'], 64, 'none'],
    ['userdata', ['userdata', 's3://bkt/planet', '--dry-run', '--into', 'none'], 64, 'none'],
    ['init', ['init', 'file'], 1, 'file'],
  ])('is told by %s with its name, and is no fault of haulout', async (command, words, exit, name) => {
    const cwd = scratch();
    put(`${cwd}/role/haulout.ini`, '[haulout]\nversion = 1\n');
    put(`${cwd}/file`, 'a file\n');
    const { code, stderr } = await haulout(words, { cwd, env: KEYS });
    expect({ code, stderr }).toMatchObject({ code: exit });
    expect(stderr).toMatch(
      new RegExp(`^haulout: ${command}: .*${name}.* \\((ENOENT|EISDIR|EEXIST)\\)\nhaulout: next: `),
    );
    expect(stderr).not.toContain('a fault of haulout');
  });
});
