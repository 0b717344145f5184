import { isDeepStrictEqual } from 'node:util';
import { NotAStatus, readStatus } from '../../../src/status/read-status.ts';
import { KINDS } from '../fleet.ts';
import { edited } from './edits.ts';
import type { Outcome, Subject } from './subject.ts';

const NAMES = [
  '"lease"',
  '"health"',
  '"timeline"',
  '"ms":',
  '"output":',
  '"__proto__":',
  '"constructor":',
  '"schema":2',
];
const VALUES = [
  'null',
  '-1',
  '1e999',
  '[]',
  '{}',
  '""',
  'true',
  '"healthy"',
  '"2025-13-01T00:00:00Z"',
  '8.65e15',
  '\\ud800',
];
const SIGNS = ['{', '}', '[', ']', ',', ':', '"', '\\', '\\u0000', '\\u001b[2J', '\\u202e', '<script>', '\u0000'];
const LONGEST = 40_000;

/** What hosts write of themselves; taken over, they write anything. */
export const status: Subject = {
  name: 'status',
  inputs: edited(
    KINDS.map((one) => JSON.stringify(one)),
    [...NAMES, ...VALUES, ...SIGNS],
  ),
  feed(bytes): Outcome {
    const text = bytes.toString('utf8');
    const kind = KINDS.find(({ instanceId }) => text.includes(instanceId)) ?? KINDS[0]!;
    const name = { role: kind.role, instanceId: kind.instanceId };
    try {
      const read = readStatus(bytes, name);
      if (read.instanceId !== name.instanceId || read.role !== name.role) throw new Error('somebody else');
      if (textsOf(read).some((one) => one.length > LONGEST)) throw new Error('a text without a bound');
      if (!isDeepStrictEqual(readStatus(Buffer.from(JSON.stringify(read)), name), read))
        throw new Error('it reads itself otherwise');
      return 'good';
    } catch (error) {
      if (error instanceof NotAStatus) return 'refused';
      throw error;
    }
  },
};

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
