import { describe, expect, it } from 'vitest';
import { apk } from '../../../src/apply/packages/apk.ts';
import { apt } from '../../../src/apply/packages/apt.ts';
import type { Dialect, Order } from '../../../src/apply/packages/dialect.ts';
import { dnf } from '../../../src/apply/packages/dnf.ts';
import { failed, meaningOf } from '../../../src/apply/packages/trouble.ts';
import { zypper } from '../../../src/apply/packages/zypper.ts';
import type { RunResult } from '../../../src/lib/exec.ts';

/**
 * What real programs printed, and what is understood of it. Where it is from:
 * apk: recorded on 2026-11-25 from apk-tools 2.14.10 and 3.0.6, built from their source on a Debian 12 and run on roots of
 * their own, over a repository of tiny signed packages. No Alpine was there.
 * dnf 4, zypper: recorded on the same day from dnf 4.14.0 and zypper 1.14.42 of Debian 12; test/e2e/rpm.test.ts runs them.
 * dnf 5: from reports of its users, each named below. It was not run.
 */
const ended = (code: number | null, output: string): RunResult => ({
  code,
  signal: code === null ? 'SIGKILL' : null,
  timedOut: false,
  output,
  stdout: output,
  durationMs: 1,
});
const read = (versions: ReadonlyMap<string, readonly string[]>) => Object.fromEntries(versions);
const order = (name: string, version?: string, latest = false, candidate?: string): Order => ({
  name,
  version,
  latest,
  candidate,
});

describe('apk', () => {
  it('is asked to wait for its lock, and told exact versions', () => {
    expect(apk.install([order('php', '8.2.10-r0'), order('tiny')])).toEqual(
      'apk --wait 600 add php=8.2.10-r0 tiny'.split(' '),
    );
    expect(apk.install([order('tiny', undefined, true, '2.0-r3')])).toEqual(
      'apk --wait 600 add --upgrade tiny'.split(' '),
    );
    expect([apk.remove(['tiny']), apk.upgrade, apk.refresh].map((argv) => argv.join(' '))).toEqual([
      'apk --wait 600 del tiny',
      'apk --wait 600 upgrade',
      'apk --wait 600 update',
    ]);
  });

  // apk info -v, both versions
  it('says what is installed', () => {
    expect(read(apk.installed.read('php-8.2.10-r0\ntiny-1.1-r0\nlib-with-3-parts-1.0_rc2-r10\nuser-1.0-r0\n'))).toEqual(
      {
        php: ['8.2.10-r0'],
        tiny: ['1.1-r0'],
        'lib-with-3-parts': ['1.0_rc2-r10'],
        user: ['1.0-r0'],
      },
    );
    expect(read(apk.installed.read('WARNING: opening /srv/repo: No such file or directory\n'))).toEqual({});
  });

  // apk policy tiny php nosuch, both versions
  const POLICY = `php policy:
  8.2.10-r0:
    /tmp/apk/repo
  8.3.1-r0:
    /tmp/apk/repo
tiny policy:
  1.0-r0:
    lib/apk/db/installed
    /tmp/apk/repo
  1.1-r0:
    /tmp/apk/repo
  2.0-r3:
    /tmp/apk/repo
  10.0-r0:
    /tmp/apk/repo
`;
  it('says what can be had, the newest first', () => {
    expect(read(apk.available(['tiny']).read(POLICY))).toEqual({
      tiny: ['10.0-r0', '2.0-r3', '1.1-r0', '1.0-r0'],
      php: ['8.3.1-r0', '8.2.10-r0'],
    });
  });

  // apk list --upgradable tiny php nosuch, both versions
  const UPGRADABLE = `tiny-1.1-r0 x86_64 {tiny} (MIT) [upgradable from: tiny-1.0-r0]
tiny-2.0-r3 x86_64 {tiny} (MIT) [upgradable from: tiny-1.0-r0]
tiny-10.0-r0 x86_64 {tiny} (MIT) [upgradable from: tiny-1.0-r0]
`;
  it('says what an upgrade would bring', () => {
    expect(read(apk.candidates(['tiny']).read(UPGRADABLE))).toMatchObject({
      tiny: ['10.0-r0', '2.0-r3', '1.1-r0'],
    });
  });
});

describe('dnf', () => {
  it('is told the version of what shall be the newest, because it leaves what is there alone', () => {
    const orders = [order('tiny', '1.0-1'), order('php', undefined, true, '2:8.3.1-1'), order('lib', undefined, true)];
    expect(dnf.install(orders)).toEqual(['dnf', '-y', 'install', 'tiny-1.0-1', 'php-2:8.3.1-1', 'lib']);
  });

  it('is told to leave what came along', () => {
    expect(dnf.remove(['tiny'])).toContain('--setopt=clean_requirements_on_remove=False');
  });

  it('answers with a newline of its own in version 4, and without one in version 5', () => {
    const answer = { php: ['2:8.3.1-1', '2:8.2.10-1'], tiny: ['2.0-3'] };
    expect(read(dnf.available([]).read('php\t2:8.2.10-1\n\nphp\t2:8.3.1-1\n\ntiny\t0:2.0-3\n\n'))).toEqual(answer);
    expect(read(dnf.available([]).read('php\t2:8.2.10-1\nphp\t2:8.3.1-1\ntiny\t0:2.0-3\n'))).toEqual(answer);
  });
});

describe('zypper', () => {
  // zypper --non-interactive --no-refresh --xmlout search --details --match-exact --type package tiny epoch nosuch
  const SEARCH = `<?xml version='1.0'?>
<stream>
<message type="info">Loading repository data...</message>
<message type="info">Reading installed packages...</message>

<search-result version="0.0">
<solvable-list>
<solvable status="not-installed" name="epoch" kind="package" edition="2:8.2.10-1" arch="noarch" repository="h"/>
<solvable status="not-installed" name="epoch" kind="package" edition="2:8.3.1-1" arch="noarch" repository="h"/>
<solvable status="not-installed" name="tiny" kind="package" edition="2.0-3" arch="noarch" repository="h"/>
<solvable status="not-installed" name="tiny" kind="package" edition="10.0-1" arch="noarch" repository="h"/>
</solvable-list>
</search-result>
</stream>
`;
  it('says what can be had', () => {
    expect(read(zypper.available(['tiny']).read(SEARCH))).toEqual({
      epoch: ['2:8.3.1-1', '2:8.2.10-1'],
      tiny: ['10.0-1', '2.0-3'],
    });
  });

  it('waits for its lock itself, fetches nothing while it is asked, and goes back only when told to', () => {
    expect(zypper.environment['ZYPP_LOCK_TIMEOUT']).toBe('600');
    for (const argv of [zypper.available(['a']).argv, zypper.candidates(['a']).argv, zypper.upgrade])
      expect(argv).toContain('--no-refresh');
    expect(zypper.install([order('tiny', '1.0-1')])).toContain('--oldpackage');
    expect(zypper.install([order('tiny')])).not.toContain('--oldpackage');
  });
});

const NO_SUCH = 'ERROR: unable to select packages:\n  nosuch (no such package):\n    required by: world[nosuch]\n';
const APK_LOCKED = `ERROR: Unable to lock database: Interrupted system call
ERROR: Failed to open apk database: Interrupted system call
`;
const APK_AWAY = `WARNING: updating and opening http://127.0.0.1:9/x/x86_64/APKINDEX.tar.gz: could not connect to server
2 unavailable, 0 stale; 4 distinct packages available
`;
const BREAKS = 'ERROR: unable to select packages:\n  tiny-1.1-r0:\n    breaks: world[tiny=9]\n';
const DNF_NEEDS = `Error: 
 Problem: conflicting requests
  - nothing provides nothing-has-this needed by needy-1-1.noarch
(try to add '--skip-broken' to skip uninstallable packages)
`;
const ZYPPER_NEEDS = `Resolving package dependencies...

Problem: nothing provides nothing-has-this needed by needy-1-1.noarch
 Solution 1: do not install needy-1-1.noarch

Choose from above solutions by number or cancel [1/2/c/d/?] (c): c
`;

describe('an ending', () => {
  it.each([
    [apk, 1, NO_SUCH, 'unknown', ': unable to select packages: nosuch (no such package):'],
    [apk, 1, BREAKS, 'conflict', ': unable to select packages: tiny-1.1-r0:'],
    [apk, 99, APK_LOCKED, 'locked', ': Unable to lock database'],
    [
      dnf,
      1,
      'No match for argument: nosuch\nError: Unable to find a match: nosuch\n',
      'unknown',
      ': No match for argument: nosuch',
    ],
    [apk, 2, APK_AWAY, 'unreachable', ''],
    [dnf, 1, DNF_NEEDS, 'conflict', ': conflicting requests - nothing provides nothing-has-this'],
    [dnf, 200, '', 'locked', ''],
    // github.com/rpm-software-management/dnf5/issues/2435
    [
      dnf,
      1,
      'Transaction failed: Failed to obtain rpm transaction lock. Another transaction is in progress.\n',
      'locked',
      ': Failed to obtain rpm transaction lock',
    ],
    // github.com/linuxgamerlife/lgl-system-loadout/issues/26
    [
      dnf,
      1,
      'Failed to resolve the transaction:\nNo match for argument: python3-dnf5-plugins\n',
      'unknown',
      ': No match for argument: python3-dnf5-plugins',
    ],
    [zypper, 104, "No provider of 'nosuch' found.\n", 'unknown', ": No provider of 'nosuch' found."],
    [zypper, 4, ZYPPER_NEEDS, 'conflict', ': Problem: nothing provides nothing-has-this'],
    [zypper, 7, '', 'locked', ''],
    [apt, 100, 'E: Unable to locate package nosuch\n', 'unknown', ': Unable to locate package nosuch'],
    [
      apt,
      100,
      'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\n',
      'locked',
      ': Could not get lock',
    ],
  ] as const)('of %j with %s, %j: %s', (dialect: Dialect, code, output, meaning, words) => {
    const result = ended(code, output);
    expect(meaningOf(dialect, result)).toBe(meaning);
    const trouble = failed(dialect, dialect.install([order('tiny')]), 'package:tiny', result);
    expect(trouble.reason).toContain(`ended with ${code}${words}`);
    expect(trouble.code).toBe(meaning === 'locked' ? 'packages-locked' : 'packages-failed');
  });

  it.each([100, 101, 102, 103, 106, 107])('of zypper with %s tells something about what was done', (code) => {
    expect(meaningOf(zypper, ended(code, ''))).toBe('done');
  });

  it.each([apt, dnf, zypper, apk])('by a signal or a time limit is a failure', (dialect) => {
    expect(meaningOf(dialect, ended(null, ''))).toBeUndefined();
    const late = { ...ended(0, ''), timedOut: true };
    expect(meaningOf(dialect, late)).toBeUndefined();
    expect(failed(dialect, dialect.upgrade, 'package:*', late).code).toBe('packages-timeout');
  });

  it('is told without the arguments that only say how', () => {
    const { reason, hint } = failed(apt, apt.install([order('tiny')]), 'package:tiny', ended(100, ''));
    expect(reason).toBe('`apt-get install` ended with 100');
    expect(hint).toContain('run `apt-get install tiny` on the instance');
  });
});
