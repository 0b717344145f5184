import { expect, it } from 'vitest';
import { packageStep, versionMatches } from '../../src/plan/packages.ts';
import type { PackageSpec } from '../../src/spec/spec.ts';
import { packageSpec } from '../support/planned.ts';

const pattern = { version: '8.2.*' };

it.each<[PackageSpec['want'], string | undefined, string | undefined, string | undefined]>([
  // wanted, installed, candidate, step
  ['present', '1', undefined, undefined],
  ['present', undefined, undefined, 'install-package'],
  ['latest', '2', '2', undefined],
  ['latest', '1', '2', 'install-package'],
  ['latest', undefined, '2', 'install-package'],
  ['latest', '1', undefined, undefined],
  [pattern, '8.2.29-1', undefined, undefined],
  [pattern, '8.3.1-1', undefined, 'install-package'],
  [pattern, undefined, undefined, 'install-package'],
  ['absent', '1', undefined, 'remove-package'],
  ['absent', undefined, undefined, undefined],
])('wanted %j, installed %s, to be had %s: %s', (want, installed, candidate, step) => {
  const found = packageStep(packageSpec('php', want), { installed, candidate });
  expect(found?.do).toBe(step);
  if (found) expect(found).toMatchObject({ subject: 'package:php', name: 'php', why: expect.stringMatching(/\w/) });
});

it('an install says whether it is for a version or for the latest', () => {
  const gone = { installed: undefined, candidate: undefined };
  expect(packageStep(packageSpec('php', pattern), gone)).toMatchObject({ version: '8.2.*', latest: false });
  expect(packageStep(packageSpec('php', 'latest'), gone)).toMatchObject({ version: undefined, latest: true });
  expect(packageStep(packageSpec('php', 'present'), gone)).toMatchObject({ version: undefined, latest: false });
});

it('the why names both versions', () => {
  const why = (want: PackageSpec['want']) =>
    packageStep(packageSpec('php', want), { installed: '8.1', candidate: '9' })?.why;
  expect(why(pattern)).toBe('8.1 is installed, and the spec wants 8.2.*');
  expect(why('latest')).toBe('8.1 is installed, and 9 can be had');
  expect(why('absent')).toBe('8.1 is installed, and the spec wants it absent');
});

it.each([
  // pattern, version, matches
  ['8.2.*', '8.2.29-1~deb12u1', true],
  ['8.2.*', '2:8.2.29-1~deb12u1', true],
  ['8.2.*', '8.20.1', false],
  ['8.2.*', '18.2.1', false],
  ['8.2.*', '8.2', false],
  ['8.2*', '8.2', true],
  ['2:8.2.*', '2:8.2.29', true],
  ['2:8.2.*', '8.2.29', false],
  ['1:8.2.*', '2:8.2.29', false],
  ['*', '', true],
  ['*', '1:2', true],
  ['*-1', '2.0-1', true],
  ['*-1', '2.0-11', false],
  ['1*1', '1', false],
  ['1*1', '11', true],
  ['1**1', '1-1', true],
  ['8.2', '8.2', true],
  ['8.2', '8x2', false],
  ['1.0+dfsg-2', '1.0+dfsg-2', true],
  ['1.0+dfsg-2', '1.00dfsg-2', false],
  ['1*2*3', '1-2-3', true],
  ['1*2*3', '1-3-2', false],
  ['*2*2', '2', false],
])('the pattern %s and the version %s: %s', (wanted, version, matches) => {
  expect(versionMatches(wanted, version)).toBe(matches);
});

it('a pattern of stars is matched in no time', () => {
  const started = performance.now();
  expect(versionMatches(`${'*1'.repeat(60)}x`, '1'.repeat(120))).toBe(false);
  expect(performance.now() - started).toBeLessThan(1_000);
});
