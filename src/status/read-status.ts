import { isIPv4 } from 'node:net';
import type { Lease, Notice } from '../fleet/lease.ts';
import { INSTANCE_ID, WORD } from '../metadata/shapes.ts';
import type { Waiting } from '../plan/step.ts';
import { ROLE_NAME } from '../userdata/settings.ts';
import type { InstanceStatus, MistakeStatus, ServiceStatus, Status, SyncResult, TroubleStatus } from './status.ts';
import type { TimelineEntry } from './timeline.ts';
import type { Waited } from './waited.ts';

/** Whose status an object is, as its key says: `<state>/instances/<role>/<instance-id>.json`. */
export interface StatusName {
  readonly role: string;
  readonly instanceId: string;
}

/** Not the status of that instance; the message says what is wrong, without its values. */
export class NotAStatus extends Error {}

/** Of one text, in characters, and of the end of a step's output. What is longer is cut. */
const MOST_TEXT = 2_000;
const MOST_OUTPUT = 32_000;
/** Of one list; the rest is left out. */
const MOST_ENTRIES = 1_000;
const LATEST_DATE = 8.64e15;

/** What stands below `instances/`; undefined for what is no name of a status. */
export function parseStatusName(path: string): StatusName | undefined {
  const [, role = '', instanceId = ''] = /^([^/]+)\/([^/]+)\.json$/.exec(path) ?? [];
  return ROLE_NAME.test(role) && INSTANCE_ID.test(instanceId) ? { role, instanceId } : undefined;
}

/**
 * Reads what a host wrote of itself as anybody's: a machine that was taken over writes what it likes. Every shape is checked, every
 * text and list is bounded, what is not known is left out, and who it is stands in the key: a body that says otherwise is refused.
 * Texts are as they were written, for `visible` and the page's own escaping. Throws NotAStatus.
 */
export function readStatus(bytes: Buffer, name: StatusName): Status {
  const value = parsed(bytes);
  if (typeof value === 'object' && value !== null && 'schema' in value && Number(value.schema) > 1)
    throw new NotAStatus('it was written by a newer haulout');
  const status = STATUS(value, 'it');
  if (status.instanceId !== name.instanceId) throw new NotAStatus('it says that it is another instance');
  if (status.role !== name.role) throw new NotAStatus('it says that it is of another role');
  return status;
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new NotAStatus('it is no JSON');
  }
}

type Read<T> = (value: unknown, name: string) => T;
type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? Read<T[K] | undefined> : Read<T[K]>;
};

function shape<T extends object>(fields: Fields<T>): Read<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return (value, name) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name);
    const found = value as Record<string, unknown>;
    const read: Partial<T> = {};
    for (const key of names) {
      const at = name === 'it' ? key : `${name}.${key}`;
      const one = fields[key](Object.hasOwn(found, key) ? found[key] : undefined, at);
      if (one !== undefined) read[key] = one as T[typeof key];
    }
    return read as T;
  };
}

function list<T>(read: Read<T>): Read<readonly T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name);
    return value.slice(0, MOST_ENTRIES).map((one: unknown) => read(one, name));
  };
}

function maybe<T>(read: Read<T>): Read<T | undefined> {
  return (value, name) => (value === undefined ? undefined : read(value, name));
}

function holds<T>(is: (value: unknown) => boolean): Read<T> {
  return (value, name) => {
    if (!is(value)) throw wrong(name);
    return value as T;
  };
}

function wrong(name: string): NotAStatus {
  return new NotAStatus(`${name} is not as a status has it`);
}

function bounded(most: number): Read<string> {
  return (value, name) => {
    if (typeof value !== 'string') throw wrong(name);
    // By way of bytes: a slice would hold on to all of what it was cut from.
    return value.length > most ? `${Buffer.from(value.slice(0, most)).toString()} ...` : value;
  };
}

const like = (pattern: RegExp) => holds<string>((value) => typeof value === 'string' && pattern.test(value));
const among = <T extends string>(...words: readonly T[]) => holds<T>((value) => words.includes(value as T));
const text = bounded(MOST_TEXT);
const digest = like(/^[0-9a-f]{64}$/);
const whole = holds<number>((value) => Number.isSafeInteger(value) && Number(value) >= 0);
const yesOrNo = holds<boolean>((value) => typeof value === 'boolean');
const moment = holds<number>((value) => typeof value === 'number' && Math.abs(value) <= LATEST_DATE);
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
const date = holds<string>((value) => typeof value === 'string' && ISO.test(value) && !Number.isNaN(Date.parse(value)));
const emptyOr =
  (read: Read<string>): Read<string> =>
  (value, name) =>
    value === '' ? '' : read(value, name);
const word = emptyOr(like(WORD));
const ipv4 = emptyOr(holds<string>((value) => typeof value === 'string' && isIPv4(value)));

const NOTICE = shape<Notice>({
  kind: among('spot', 'rebalance', 'scheduled', 'autoscaling', 'shutdown'),
  heard: date,
  deadline: maybe(date),
});

const STATUS = shape<Status>({
  schema: holds<1>((value) => value === 1),
  instanceId: text,
  role: text,
  at: date,
  lease: maybe(
    shape<Lease>({
      generation: whole,
      expires: date,
      state: among('active', 'draining', 'ended'),
      notice: maybe(NOTICE),
    }),
  ),
  instance: maybe(
    shape<InstanceStatus>({
      localIpv4: ipv4,
      publicIpv4: ipv4,
      instanceType: word,
      availabilityZone: word,
      region: word,
      bootedAt: emptyOr(date),
      agent: word,
    }),
  ),
  health: among('converging', 'healthy', 'degraded', 'failed'),
  content: shape<Status['content']>({
    wanted: maybe(digest),
    active: maybe(digest),
    setAside: maybe(shape({ digest, code: text, subject: text })),
  }),
  lastSync: shape<SyncResult>({
    startedAt: date,
    ms: whole,
    steps: whole,
    changed: list(text),
    requests: whole,
    bytes: whole,
  }),
  services: list(
    shape<ServiceStatus>({
      id: text,
      state: among('healthy', 'unhealthy', 'unknown', 'stopped'),
      port: maybe(whole),
    }),
  ),
  trouble: maybe(
    shape<TroubleStatus>({
      code: text,
      step: text,
      subject: text,
      reason: text,
      hint: text,
      output: maybe(bounded(MOST_OUTPUT)),
    }),
  ),
  mistakes: maybe(list(shape<MistakeStatus>({ file: text, line: whole, column: whole, what: text, instead: text }))),
  waiting: list(shape<Waiting>({ subject: text, code: text, failures: whole, nextTry: moment })),
  waited: list(
    shape<Waited>({ step: text, subject: text, code: text, since: text, ms: whole, over: yesOrNo, boot: yesOrNo }),
  ),
  notes: list(text),
  timeline: list(
    shape<TimelineEntry>({
      step: text,
      subject: maybe(text),
      why: maybe(text),
      from: whole,
      ms: whole,
      ok: yesOrNo,
      code: maybe(text),
    }),
  ),
});
