import { describe, expect, it } from 'vitest';
import { NotAStatus, parseStatusName, readStatus } from '../../src/status/read-status.ts';
import type { Status } from '../../src/status/status.ts';
import { KINDS, statusOf } from '../support/fleet.ts';

const ID = 'i-0a11ce00000000001';
const NAME = { role: 'planet', instanceId: ID };
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const read = (value: unknown) => readStatus(bytes(value), NAME);

describe('a status that a host wrote', () => {
  it.each(KINDS.map((status) => [status.instanceId, status] as const))('%s is read as it is', (_, status) => {
    const { role, instanceId } = status;
    expect(readStatus(bytes(status), { role, instanceId })).toEqual(status);
  });

  it('may be of before leases and instances', () => {
    const { lease: _, instance: __, ...old } = statusOf(ID);
    expect(read(old)).toEqual(old);
  });

  it('loses what is not known', () => {
    expect(read({ ...statusOf(ID), more: 1, content: { colour: 'reed' } })).toEqual({ ...statusOf(ID), content: {} });
  });

  it('is cut where it is long', () => {
    const long = 'x'.repeat(40_000);
    const notes = Array.from({ length: 1_100 }, () => long.slice(0, 3_000));
    const { notes: kept, trouble } = read({
      ...statusOf(ID, { notes }),
      trouble: { code: 'c', step: 's', subject: long, reason: 'r', hint: 'h', output: long },
    });
    expect([kept.length, kept[0]!.length, trouble!.subject.length]).toEqual([1_000, 2_004, 2_004]);
    expect(trouble!.output).toHaveLength(32_004);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['nothing in it', {}],
    ['another schema', { ...statusOf(ID), schema: 0 }],
    ['another instance', statusOf('i-0a11ce00000000009')],
    ['another role', statusOf(ID, { role: 'db' })],
    ['a health that there is not', { ...statusOf(ID), health: 'fine' }],
    ['a date that is none', statusOf(ID, { at: '2025-06-31' })],
    ['a digest that is none', statusOf(ID, { content: { active: '<script>' } })],
    ['an address that is none', { ...statusOf(ID), instance: { ...statusOf(ID).instance, localIpv4: '10.0.0.1"' } }],
    ['a lease without an end', { ...statusOf(ID), lease: { generation: 1, state: 'active' } }],
    [
      'a time that no clock has',
      { ...statusOf(ID), waiting: [{ subject: 'a', code: 'b', failures: 1, nextTry: 9e15 }] },
    ],
    ['a timeline that is no list', { ...statusOf(ID), timeline: {} }],
    ['what it inherits', JSON.parse('{"__proto__":{"schema":1}}')],
  ])('is refused: %s', (_what, value) => {
    expect(() => read(value)).toThrow(NotAStatus);
  });

  it('is refused when it is no JSON, and when a newer haulout wrote it, in such words', () => {
    expect(() => readStatus(Buffer.from('{'), NAME)).toThrow('it is no JSON');
    expect(() => read({ schema: 2 })).toThrow('it was written by a newer haulout');
  });

  it('does not repeat in its refusal what stood there', () => {
    const said = (): string => {
      try {
        read({ ...statusOf(ID), health: 's3cr3t' });
        return '';
      } catch (error) {
        return String(error);
      }
    };
    expect(said()).toBe('Error: health is not as a status has it');
  });
});

it.each<[string, Pick<Status, 'role' | 'instanceId'> | undefined]>([
  [`planet/${ID}.json`, NAME],
  [
    'db.v2/7f1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001.json',
    { role: 'db.v2', instanceId: '7f1b0c1e-58a5-4b1c-8f0a-2f4de2a1f001' },
  ],
  [`${ID}.json`, undefined],
  [`planet/x/${ID}.json`, undefined],
  [`../${ID}.json`, undefined],
  ['planet/i-0a11ce0000<b>.json', undefined],
  [`planet/${ID}.json\n`, undefined],
])('%j is the name of %j', (path, name) => {
  expect(parseStatusName(path)).toEqual(name);
});
