import type { Problem } from './report.ts';

/** State, credentials and sockets of haulout; `/var/run` is `/run`. */
const PRIVATE = ['/var/lib/haulout', '/run/haulout', '/var/run/haulout'];
/** What no bucket may write. */
const OWN_PLACES = [...PRIVATE, '/proc', '/sys', '/dev'];

/** What a machine stands on: a mode may be set here, but it stays a directory. */
const GROUND = new Set(
  (
    'bin boot dev etc home lib lib32 lib64 media mnt opt proc root run sbin srv sys tmp usr var ' +
    'usr/bin usr/lib usr/local usr/sbin usr/share var/lib var/log var/run var/tmp'
  )
    .split(' ')
    .map((name) => `/${name}`),
);
const LONGEST = 1_024;
const LONGEST_NAME = 255;

/** Absolute, in its shortest form, nothing in it that a terminal or a shell would obey, and none of haulout's business. */
export function pathProblem(path: string): Problem | undefined {
  return shapeProblem(path) ?? ownPlaceProblem(path);
}

/**
 * | path           | verdict                    |
 * | -------------- | -------------------------- |
 * | `etc/motd`     | not absolute               |
 * | `/`            | the root itself            |
 * | `/etc/`        | ends with a slash          |
 * | `/etc//motd`   | not in its shortest form   |
 * | `/etc/./motd`  | not in its shortest form   |
 * | `/etc/../motd` | goes up                    |
 */
export function shapeProblem(path: string): Problem | undefined {
  if (!path.startsWith('/')) return { what: 'the path is not absolute', instead: 'write the path from `/` on' };
  if (path === '/') return { what: 'the path is the root itself', instead: 'write a path below `/`' };
  if (path.endsWith('/'))
    return { what: 'the path ends with a slash', instead: 'write the path without the last slash' };
  const parts = path.slice(1).split('/');
  if (parts.includes('..')) return { what: 'the path goes up with `..`', instead: 'write the path without `..`' };
  if (parts.includes('') || parts.includes('.'))
    return { what: 'the path is not in its shortest form', instead: 'write the path without `//` and `/./`' };
  if (/[\u0000-\u001f\u007f-\u009f]|[\ud800-\udfff]/u.test(path))
    return { what: 'the path holds a control character', instead: 'write it with plain characters' };
  if (Buffer.byteLength(path) > LONGEST || parts.some((part) => Buffer.byteLength(part) > LONGEST_NAME))
    return { what: 'the path is too long', instead: `write at most ${LONGEST_NAME} bytes a name, ${LONGEST} in all` };
  return undefined;
}

function ownPlaceProblem(path: string): Problem | undefined {
  const place = OWN_PLACES.find((own) => isAtOrBelow(path, own));
  if (place === undefined) return undefined;
  return { what: `nothing may be written under ${place}`, instead: 'choose another path' };
}

/** Endless trees and our own: to look through them would never end. */
export function isOwnPlace(path: string): boolean {
  return ownPlaceProblem(path) !== undefined;
}

export function isPrivate(path: string): boolean {
  return PRIVATE.some((own) => isAtOrBelow(path, own));
}

export function isGround(path: string): boolean {
  return GROUND.has(path);
}

export function isAtOrBelow(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}/`);
}

/** `/a/b/c` -> `/a/b`, `/a` */
export function parentsOf(path: string): readonly string[] {
  const parents: string[] = [];
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
    parents.push(path.slice(0, slash));
  return parents;
}
