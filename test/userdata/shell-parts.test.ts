import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOrigin } from '../../src/aws/location.ts';
import { authorization, EMPTY_SHA256, encodeKey } from '../../src/aws/sigv4.ts';
import { command, describeWith } from '../support/needs.ts';

/** The shell part says in sh what `src/aws` says in TypeScript. Here both are asked. */
const PARTS = 'src/userdata/launcher';
const SHELLS = [['/bin/dash'], ['/bin/bash', '--posix'], ['/bin/busybox', 'sh']];
const SEED = 20_261_125;

function sh(shell: readonly string[], script: string, words: readonly string[] = []): string {
  const [program = '', ...rest] = shell;
  const { stdout, stderr } = spawnSync(program, [...rest, '-c', `set -u\n${script}`, 'sh', ...words], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.trimEnd();
}

describeWith(
  [command('dash', 'dash'), command('bash', 'bash'), command('busybox', 'busybox')],
  'the shell part of the launcher',
  () => {
    const word = fc.stringMatching(/^[a-z0-9][a-z0-9-]{2,20}$/);
    const secret = fc.stringMatching(/^[!-~]{1,60}$/);

    describe.each(SHELLS.map((shell) => [shell.join(' '), shell] as const))('under %s', (_name, shell) => {
      test('signs as sigv4.ts does', () => {
        const sign = `. ${PARTS}/sign.sh
empty=$(printf '' | digest) access=$1 secret=$2 region=$3 path=$4 host=$5
authorize "$6" "host: $host" "x-amz-content-sha256: $empty" "x-amz-date: $6" "x-amz-security-token: $7"`;
        const property = fc.property(
          word,
          secret,
          word,
          word,
          word,
          secret,
          (access, key, region, path, host, session) => {
            const date = '20261125T183844Z';
            const headers = {
              host,
              'x-amz-content-sha256': EMPTY_SHA256,
              'x-amz-date': date,
              'x-amz-security-token': session,
            };
            const request = { method: 'GET', path: `/${path}`, query: [], headers, payloadHash: EMPTY_SHA256 };
            const keys = { accessKeyId: access, secretAccessKey: key };
            const expected = `authorization: ${authorization(request, { region, service: 's3' }, keys)}`;
            expect(sh(shell, sign, [access, key, region, path, host, date, session])).toBe(expected);
          },
        );
        fc.assert(property, { seed: SEED, numRuns: 12 });
      });

      test('finds objects where location.ts does', () => {
        const where = `. ${PARTS}/object.sh
region=$1 endpoint=$2 bucket=$3 state=$3/$4 pin=$5
object_url`;
        const named = ['http://h:8773/services/Walrus', 'https://mbuckets.h/', 'http://[::1]:9000'];
        const inHost = ['https://{bucket}.oss.example', 'http://{bucket}.h:9000/p/'];
        const endpoint = fc.constantFrom(undefined, ...named, ...inHost);
        const bucket = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{2,20}[a-z0-9]$/);
        const prefix = fc.stringMatching(/^[!#-&(-)+-[\]-_a-~]{0,12}$/).filter((text) => !/\/|\.\./.test(text));
        const region = fc.constantFrom('eu-west-3', 'cn-north-1');
        const property = fc.property(region, endpoint, bucket, prefix, (region, url, bucket, prefix) => {
          const { protocol, host, basePath } = bucketOrigin({ url, region }, bucket);
          const key = encodeKey(`${prefix && `${prefix}/`}runtime/abc`);
          const got = sh(shell, where, [region, url ?? '', bucket, prefix, 'abc']);
          expect(got).toBe(`${protocol}//${host}${basePath}${key}`);
        });
        fc.assert(property, { seed: SEED, numRuns: 40 });
      });

      test.each([
        ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
        ['http://127.0.0.1:8080@host', 'http://169.254.169.254'],
        ['http://127.0.0.1.nip.example:80', 'http://169.254.169.254'],
        ['', 'http://169.254.169.254'],
      ])('HAULOUT_METADATA=%s: asks %s', (given, asked) => {
        expect(sh(shell, `HAULOUT_METADATA=$1; . ${PARTS}/object.sh; metadata_service`, [given])).toBe(asked);
      });

      test('waits for 300 s and no longer, and says a thing once', () => {
        const wait = `. ${PARTS}/object.sh; . ${PARTS}/runtime.sh
stop= now=7 tries=0
say() { echo "$1"; }
fetch() { tries=$((tries + 1)); why='it answers 503'; return 1; }
seconds_up() { echo "$now"; }
sleep() { now=$((now + $1)); }
patiently || echo "$why, $tries tries, $now"`;
        const [once, end = ''] = sh(shell, wait).split('\n');
        expect(once).toBe('it answers 503; trying again');
        const [, tries, now] = /^it answers 503, (\d+) tries, (\d+)$/.exec(end) ?? [];
        expect(Number(now)).toBeGreaterThanOrEqual(307);
        expect(Number(now)).toBeLessThanOrEqual(316);
        expect(Number(tries)).toBeGreaterThan(30);
      });
    });
  },
);
