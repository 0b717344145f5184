import { isIPv4 } from 'node:net';
import { invalid } from '../aws/imds-trouble.ts';

/** What values of metadata look like. They come from outside: they become keys, headers and lines of hooks. */

/** `i-` and hexadecimal digits, as EC2 and Eucalyptus have it, or the UUID of OpenStack. */
export const INSTANCE_ID = /^(i-[0-9a-f]{8,32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;
export const WORD = /^[A-Za-z0-9._:-]{1,128}$/;
export const HOSTNAME = /^[A-Za-z0-9.-]{1,253}$/;
export const ROLE = /^[A-Za-z0-9+=,.@_-]{1,128}$/;
/** EC2 forbids these names of tags, which would lead elsewhere as parts of a path. */
const TAG_KEY = /^(?!\.{1,2}$)[^\u0000-\u001f\u007f/]{1,128}$/;
const TAG_VALUE = /^[^\u0000-\u001f\u007f]{0,256}$/;
const MOST_TAGS = 50;

/** Throws by name, without the value. */
export function shaped(name: string, value: unknown, shape: RegExp): string {
  if (typeof value !== 'string' || !shape.test(value)) throw invalid(name);
  return value;
}

export function address(name: string, value: unknown): string {
  if (typeof value !== 'string' || !isIPv4(value)) throw invalid(name);
  return value;
}

/** Empty where there is none, or none that can be one. */
export function optional(value: unknown, shape: RegExp): string {
  return typeof value === 'string' && shape.test(value) ? value : '';
}

/** Clouds that gave no public address write nothing, 0.0.0.0, or the private one again. */
export function publicAddress(value: unknown, local: string): string {
  return typeof value === 'string' && isIPv4(value) && value !== '0.0.0.0' && value !== local ? value : '';
}

/** Those that can be tags, at most fifty as on EC2. */
export function shapedTags(pairs: Iterable<readonly [string, unknown]>): Record<string, string> {
  const tags: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [key, value] of pairs) {
    if (count === MOST_TAGS) break;
    if (!TAG_KEY.test(key) || typeof value !== 'string' || !TAG_VALUE.test(value)) continue;
    tags[key] = value;
    count++;
  }
  return tags;
}

/** A JSON object, or throws. */
export function parseObject(text: string, subject: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below: what is no JSON and what is no object are the same to us.
  }
  throw invalid(subject);
}

/** For `ReadMetadata`, where any text will do because its shape is looked at later. */
export function asText(text: string): string {
  return text;
}
