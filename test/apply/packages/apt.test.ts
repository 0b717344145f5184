import { expect, it } from 'vitest';
import { apt, parseMadison, parsePolicy } from '../../../src/apply/packages/apt.ts';
import type { Order } from '../../../src/apply/packages/dialect.ts';

const AS_A_MACHINE = [
  '-y',
  '-q',
  ...['-o', 'DPkg::Lock::Timeout=600'],
  ...['-o', 'Acquire::Retries=3'],
  ...['-o', 'Dpkg::Options::=--force-confdef'],
  ...['-o', 'Dpkg::Options::=--force-confold'],
  ...['-o', 'Dpkg::Use-Pty=0'],
  ...['-o', 'APT::Cmd::Pattern-Only=true'],
];

it('apt-get is asked as a machine asks: no question, no broken lock, old configuration kept, no terminal', () => {
  expect(apt.install([order('nginx')])).toEqual(['apt-get', ...AS_A_MACHINE, 'install', 'nginx']);
});

it('only a version that the spec names may be older than what is there', () => {
  const words = ['apt-get', ...AS_A_MACHINE, 'install', '--allow-downgrades', 'nginx=1.22.1-9', 'curl'];
  expect(apt.install([order('nginx', '1.22.1-9'), order('curl')])).toEqual(words);
  expect([...apt.upgrade, ...apt.remove(['nginx']), ...apt.refresh]).not.toContain('--allow-downgrades');
});

function order(name: string, version?: string): Order {
  return { name, version, latest: false, candidate: undefined };
}

const POLICY = `nginx:
  Installed: 1.22.1-9
  Candidate: 1.22.1-9+deb12u2
  Version table:
     1.22.1-9+deb12u2 500
        500 http://archive.example/debian bookworm/main amd64 Packages
 *** 1.22.1-9 100
        100 /var/lib/dpkg/status
libc6:
  Installed: 2.36-9
  Candidate: 2:2.36-9
vim:
  Installed: (none)
  Candidate: (none)
  Version table:
gcc-12-base:i386:
  Installed: (none)
  Candidate: 12.2.0-14
`;

it('apt-cache policy says what an install would bring', () => {
  expect(Object.fromEntries(parsePolicy(POLICY))).toEqual({
    nginx: ['1.22.1-9+deb12u2'],
    libc6: ['2:2.36-9'],
    'gcc-12-base:i386': ['12.2.0-14'],
  });
});

it.each([
  ['nothing', ''],
  ['an unknown name', 'N: Unable to locate package nginx\n'],
  ['another language, another shape', 'nginx\n Candidate: 1\n\tCandidate: 2\n  Candidate: 1 2\n'],
])('a policy of %s is no candidate', (_what, text) => {
  expect(parsePolicy(text).size).toBe(0);
});

it('a package that is called like something of JavaScript is a package like any other', () => {
  expect(parsePolicy('').get('constructor')).toBeUndefined();
  expect(parsePolicy('constructor:\n  Candidate: 1\n').get('constructor')).toEqual(['1']);
});

const MADISON = ` vim-tiny | 2:9.0.1378-2+deb12u2 | http://archive.example/debian bookworm/main amd64 Packages
 vim-tiny | 2:9.0.1378-2 | http://archive.example/debian bookworm/main amd64 Packages
      vim | 2:9.0.1378-3 | http://archive.example/debian bookworm/main Sources
`;

it('apt-cache madison says what versions can be had, the newest first; sources are none', () => {
  expect([...parseMadison(MADISON)]).toEqual([['vim-tiny', ['2:9.0.1378-2+deb12u2', '2:9.0.1378-2']]]);
  expect(parseMadison('').size).toBe(0);
  expect(parseMadison('W: Unable to locate package x\n').size).toBe(0);
});
