import { HauloutError } from '../lib/errors.ts';
import { visibleName } from '../lib/log.ts';
import { once } from '../lib/once.ts';
import { SPEC_PATH } from './snapshot.ts';
import type { Listed, Store, StoredObject } from './store.ts';

/** The objects that make up a role, by path. */
export interface RoleListing {
  /** Equal ones name equal objects; undefined where the store gives no prints. */
  readonly prints: readonly string[] | undefined;
  /** Its prints are the known ones. Its objects then are the known ones too, and are read when they are first asked for. */
  readonly isKnown: boolean;
  readonly objects: readonly StoredObject[];
  /** Names at the top that are no part of a role: said once, never touched. */
  readonly strangers: readonly string[];
}

const ROOMS = ['root/', 'services/'];
const MOST_OBJECTS = 100_000;

/**
 * Lists the top with a delimiter and enters only root/ and services/: a prefix may hold release machinery with far more
 * objects, or another role. Two to three requests where nothing is large. `known` are the prints of an earlier listing.
 */
export async function listRole(store: Store, known?: readonly string[]): Promise<RoleListing> {
  const top = await store.list('', '/');
  const rooms = top.prefixes.filter((prefix) => ROOMS.includes(prefix));
  const listed = await Promise.all(rooms.map((room) => store.list(room, undefined, new Set(known))));
  const spec = top.objects.filter(({ key }) => key === SPEC_PATH);
  const objects = once(() => plainObjects(store.name, spec, listed));
  const prints = printsOf(spec, listed);
  const isKnown = known !== undefined && prints?.join() === known.join();
  if (!isKnown) objects();
  const strangers = [...top.objects.map(({ key }) => key), ...top.prefixes].filter(
    (key) => key !== SPEC_PATH && !ROOMS.includes(key) && !key.startsWith('.') && key !== '',
  );
  return {
    prints,
    isKnown,
    get objects() {
      return objects();
    },
    strangers,
  };
}

function plainObjects(name: string, spec: readonly StoredObject[], rooms: readonly Listed[]): readonly StoredObject[] {
  const objects = spec.concat(...rooms.map((room) => room.objects.filter(({ key }) => !key.endsWith('/'))));
  if (objects.length > MOST_OBJECTS) throw tooMany(name, objects.length);
  for (const { key } of objects) if (!isPlainPath(key)) throw badName(key);
  return objects;
}

function printsOf(spec: readonly StoredObject[], rooms: readonly Listed[]): readonly string[] | undefined {
  const prints = rooms.flatMap((room) => room.prints ?? []);
  if (rooms.some((room) => room.prints === undefined)) return undefined;
  return spec.map(({ size, etag }) => `${size} ${etag}`).concat(prints);
}

/** A key that can be a path below root/: no empty, `.` or `..` part, no control character, no backslash, whole characters. */
export function isPlainPath(key: string): boolean {
  // What nearly every key is made of, by one look.
  if (/^(?!\.)[\w.-]+(?:\/[\w-][\w.-]*)*$/.test(key) && key.length <= 255) return true;
  if (key.length > 1024 || /[\u0000-\u001f\u007f\\]|\p{Surrogate}/u.test(key)) return false;
  if (/(?:^|\/)\.{0,2}(?:\/|$)/.test(key)) return false;
  return Buffer.byteLength(key) <= 255 || key.split('/').every((part) => Buffer.byteLength(part) <= 255);
}

function badName(key: string): HauloutError {
  return new HauloutError({
    code: 'bad-object-name',
    step: 'bucket',
    subject: visibleName(key),
    reason: 'the name of this object cannot be a path on an instance',
    hint: 'rename or delete it: no empty, "." or ".." part, no control character, no backslash, 255 bytes a part at most',
  });
}

function tooMany(name: string, count: number): HauloutError {
  return new HauloutError({
    code: 'too-many-objects',
    step: 'bucket',
    subject: name,
    reason: `there are ${count} objects under root/ and services/, and ${MOST_OBJECTS} is the limit`,
    hint: 'pack services into archives (services/<name>.tgz)',
  });
}
