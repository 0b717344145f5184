import { describe, expect, it } from 'vitest';
import { compareEvr, RPM_INSTALLED } from '../../../src/apply/packages/rpm.ts';

describe('versions of rpm', () => {
  // The pairs of rpm's own tests (tests/rpmvercmp.at), as rpm 4.18's `rpm.vercmp` orders them; and epochs and releases.
  it.each([
    ['1.0', '=', '1.0'],
    ['1.0', '<', '2.0'],
    ['2.0.1', '>', '2.0'],
    ['2.0.1a', '>', '2.0.1'],
    ['5.5p1', '<', '5.5p10'],
    ['10xyz', '<', '10.1xyz'],
    ['xyz10', '<', 'xyz10.1'],
    ['xyz.4', '<', '8'],
    ['5.5p2', '<', '5.6p1'],
    ['6.0.rc1', '>', '6.0'],
    ['10b2', '>', '10a1'],
    ['1.0aa', '>', '1.0a'],
    ['10.0001', '=', '10.1'],
    ['10.0001', '<', '10.0039'],
    ['4.999.9', '<', '5.0'],
    ['20101121', '<', '20101122'],
    ['2_0', '=', '2.0'],
    ['a+', '=', 'a_'],
    ['1.0~rc1', '<', '1.0'],
    ['1.0~rc1', '<', '1.0~rc2'],
    ['1.0~rc1~git123', '<', '1.0~rc1'],
    ['1.0^', '>', '1.0'],
    ['1.0^git1', '<', '1.01'],
    ['1.0^20160101', '<', '1.0.1'],
    ['1.0^20160101^git1', '>', '1.0^20160101'],
    ['1.0~rc1^git1', '>', '1.0~rc1'],
    ['1.0^git1~pre', '<', '1.0^git1'],
    ['2:1.0-1', '>', '10.0-1'],
    ['0:1.0-1', '=', '1.0-1'],
    ['1.0-2.fc40', '<', '1.0-10.fc40'],
  ])('%s %s %s', (a, sign, b) => {
    expect(Math.sign(compareEvr(a, b))).toBe({ '<': -1, '=': 0, '>': 1 }[sign]);
    expect(Math.sign(compareEvr(b, a))).toBe({ '<': 1, '=': 0, '>': -1 }[sign]);
  });

  it('what is installed several times has the newest first; epoch 0 is not told', () => {
    const text = 'core\t0:6.9-1\ncore\t0:6.10-1\nphp\t2:8.2.10-1\nglibc\t0:2.34-1\nglibc\t0:2.34-1\n\n';
    expect(Object.fromEntries(RPM_INSTALLED.read(text))).toEqual({
      core: ['6.10-1', '6.9-1'],
      php: ['2:8.2.10-1'],
      glibc: ['2.34-1'],
    });
  });
});
