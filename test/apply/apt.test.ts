import { expect, it } from 'vitest';
import { aptCommand, parseMadison, parsePolicy } from '../../src/apply/apt.ts';

it('apt-get is asked as a machine asks: no question, no broken lock, old configuration kept, no terminal', () => {
  expect(aptCommand('install', 'nginx')).toEqual([
    'apt-get',
    '-y',
    '-q',
    ...['-o', 'DPkg::Lock::Timeout=600'],
    ...['-o', 'Acquire::Retries=3'],
    ...['-o', 'Dpkg::Options::=--force-confdef'],
    ...['-o', 'Dpkg::Options::=--force-confold'],
    ...['-o', 'Dpkg::Use-Pty=0'],
    'install',
    'nginx',
  ]);
});

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
  expect({ ...parsePolicy(POLICY) }).toEqual({
    nginx: '1.22.1-9+deb12u2',
    libc6: '2:2.36-9',
    'gcc-12-base:i386': '12.2.0-14',
  });
});

it.each([
  ['nothing', ''],
  ['an unknown name', 'N: Unable to locate package nginx\n'],
  ['another language, another shape', 'nginx\n Candidate: 1\n\tCandidate: 2\n  Candidate: 1 2\n'],
])('a policy of %s is no candidate', (_what, text) => {
  expect({ ...parsePolicy(text) }).toEqual({});
});

it('a package that is called like something of JavaScript is a package like any other', () => {
  expect(parsePolicy('')['constructor']).toBeUndefined();
  expect(parsePolicy('constructor:\n  Candidate: 1\n')['constructor']).toBe('1');
});

const MADISON = ` vim-tiny | 2:9.0.1378-2+deb12u2 | http://archive.example/debian bookworm/main amd64 Packages
 vim-tiny | 2:9.0.1378-2 | http://archive.example/debian bookworm/main amd64 Packages
      vim | 2:9.0.1378-3 | http://archive.example/debian bookworm/main Sources
`;

it('apt-cache madison says what versions can be had, the newest first; sources are none', () => {
  expect(parseMadison(MADISON)).toEqual(['2:9.0.1378-2+deb12u2', '2:9.0.1378-2']);
  expect(parseMadison('')).toEqual([]);
  expect(parseMadison('W: Unable to locate package x\n')).toEqual([]);
});
