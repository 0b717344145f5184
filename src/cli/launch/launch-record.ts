import type { LaunchWish } from '../../aws/ec2.ts';
import { sha256 } from '../../lib/digest.ts';
import { WORD } from '../../metadata/shapes.ts';
import { ROLE_NAME } from '../../userdata/settings.ts';
import type { Owner } from '../owner.ts';

/**
 * A launch that has not been answered yet: one object in the state, written before RunInstances is called and deleted once the ids are
 * told. Whoever finds one knows by its token what to ask EC2 for.
 */
export interface LaunchRecord {
  readonly schema: 1;
  readonly token: string;
  readonly role: string;
  readonly count: number;
  /** Of all that RunInstances is told, but for the token. */
  readonly wish: string;
  /** A token is known in one region only: in another the same call launches again. */
  readonly region: string;
  readonly owner: Owner;
}

/** What EC2 takes, and a key can be made of. */
export const TOKEN = /^[\x21-\x7e]{1,64}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** As many as `--count` takes. */
const MOST = 999;

/** In the order in which the words go into the call: EC2 compares calls, and not what they mean. */
export function wishDigest(wish: Omit<LaunchWish, 'token'>): string {
  const { count, like, template, tags, userData } = wish;
  return sha256(
    JSON.stringify({ count, like, template, tags, userData: userData && Buffer.from(userData).toString('base64') }),
  );
}

/** Written by a desk, yet read as anybody's; undefined where that is none. */
export function readLaunchRecord(bytes: Uint8Array): LaunchRecord | undefined {
  const value = parse(bytes);
  if (!isObject(value) || value['schema'] !== 1) return undefined;
  const { token, role, count, wish, region, owner } = value;
  const hasWords = isText(token, TOKEN) && isText(role, ROLE_NAME) && isText(wish, DIGEST) && isText(region, WORD);
  if (!hasWords || !isWhole(count) || count > MOST || !isOwner(owner)) return undefined;
  return { schema: 1, token, role, count, wish, region, owner };
}

function isOwner(value: unknown): value is Owner {
  if (!isObject(value)) return false;
  const { host, pid, id, at } = value;
  const hasWords = isText(host, /^.{1,255}$/) && isText(id, /^.{1,64}$/) && isText(at, TIME);
  return hasWords && isWhole(pid) && Number.isFinite(Date.parse(at));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown, shape: RegExp): value is string {
  return typeof value === 'string' && shape.test(value);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
