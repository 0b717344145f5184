import { describe, expect, it } from 'vitest';
import { parseSpec } from '../../src/spec/parse.ts';
import type { FileSpec, PackageSpec, ServiceSpec } from '../../src/spec/spec.ts';
import { told, underHaulout } from './told.ts';

function specOf(...lines: string[]) {
  const parsed = parseSpec(underHaulout(...lines));
  if (!parsed.ok) throw new Error(told(parsed.mistakes).join('\n'));
  return parsed.spec;
}

const SERVICE: readonly (readonly [line: string, meant: Partial<ServiceSpec>])[] = [
  ['check = tcp:3306', { check: { kind: 'tcp', port: 3306 } }],
  ['check = tcp:65535', { check: { kind: 'tcp', port: 65_535 } }],
  ['check = https://h:8443/a?b=c', { check: { kind: 'url', url: 'https://h:8443/a?b=c' } }],
  ['check = http://[::1]:80/', { check: { kind: 'url', url: 'http://[::1]:80/' } }],
  ['port = 1', { port: 1 }],
  ['port = 65535', { port: 65_535 }],
  ['health = 0s', { healthMs: 0 }],
  ['health = 1h30m', { healthMs: 5_400_000 }],
  ['timeout = 1ms', { timeoutMs: 1 }],
  ['timeout = 7d', { timeoutMs: 604_800_000 }],
  ['user = _apt', { user: '_apt' }],
  ['state = stopped', { state: 'stopped' }],
  ['watch = /etc/a , /opt/*/b?', { watch: ['/etc/a', '/opt/*/b?'] }],
  ['validate = "test \\"$A\\" = b; true"', { validate: 'test "$A" = b; true' }],
];

describe('the values of a service', () => {
  it.each(SERVICE)('%s', (line, meant) => {
    expect(specOf('[service.a]', 'unit = php8.2-fpm@1.service', line).services[0]).toMatchObject(meant);
  });

  it.each([
    'services/a',
    'services/a.zip',
    'services/a.tar.gz',
    'services/a.tgz',
    'services/a.tar.bz2',
    'services/a.tar',
  ])('image = %s', (path) => {
    expect(specOf('[service.a]', `image = ${path}`).services[0]?.source).toEqual({ kind: 'image', path });
  });

  it('may be watched and validated with an image too', () => {
    const [service] = specOf('[service.a]', 'image = services/a', 'watch = /etc/a', 'validate = true').services;
    expect(service).toMatchObject({ watch: ['/etc/a'], validate: 'true' });
  });
});

const FILES: readonly (readonly [line: string, meant: Partial<FileSpec>])[] = [
  ['/etc/a =', { kind: 'file', mode: undefined, owner: undefined }],
  ['/etc/a = mode=600', { kind: 'file', mode: 0o600 }],
  ['/etc/a = template mode=0640 owner=root', { kind: 'template', mode: 0o640, owner: { user: 'root', group: 'root' } }],
  ['/tmp = directory mode=1777', { kind: 'directory', mode: 0o1777 }],
  ['/etc/a = link=/dev/null', { kind: 'link', target: '/dev/null' }],
  ['/usr/bin/X11 = link=.', { kind: 'link', target: '.' }],
  ['/etc/with blank = absent', { path: '/etc/with blank', kind: 'absent' }],
  ['/var/lib/haulouts = directory', { path: '/var/lib/haulouts', kind: 'directory' }],
];

describe('the lines of [files]', () => {
  it.each(FILES)('%s', (line, meant) => {
    expect(specOf('[files]', line).files[0]).toMatchObject(meant);
  });

  it('may nest in a directory, and be absent below what is absent', () => {
    const lines = ['/a = directory', '/a/b = link=c', '/c = absent', '/c/d = absent'];
    expect(specOf('[files]', ...lines).files).toHaveLength(4);
  });
});

const PACKAGES: readonly (readonly [line: string, meant: Partial<PackageSpec>])[] = [
  ['g++ = latest', { name: 'g++', want: 'latest' }],
  ['libc6:amd64 = present', { name: 'libc6:amd64', want: 'present' }],
  ['mysql = 1:8.0.36-*', { want: { version: '1:8.0.36-*' } }],
  ['node = "20.*"', { want: { version: '20.*' } }],
];

describe('the values of a registration', () => {
  it.each([
    ['down =', { down: undefined, user: 'nobody', timeoutMs: 30_000, renewMs: undefined }],
    ['renew = 1m', { renewMs: 60_000 }],
    ['renew = 7d', { renewMs: 604_800_000 }],
  ])('%s', (line, meant) => {
    expect(specOf('[register.a]', 'up = true', line).registrations[0]).toMatchObject(meant);
  });
});

describe('the lines of [packages]', () => {
  it.each(PACKAGES)('%s', (line, meant) => {
    expect(specOf('[packages]', line).packages[0]).toMatchObject(meant);
  });
});
