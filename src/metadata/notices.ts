import { invalid } from '../aws/imds-trouble.ts';
import { parseObject } from './shapes.ts';

/** What EC2 says of the end of an instance, or of what may lead to one. */
export interface Announcement {
  readonly kind: 'spot' | 'rebalance' | 'scheduled' | 'autoscaling';
  /** When it happens, in milliseconds since 1970; undefined: nobody said. */
  readonly deadline?: number;
  /** From when on it is to be acted upon, in the same time; undefined: it is worth a word only. */
  readonly leaveFrom?: number;
}

export interface NoticeSource {
  readonly kind: Announcement['kind'];
  /** Below /latest/. It is not there (404) as long as there is nothing to say. */
  readonly path: string;
  /** How often it is asked: what comes two minutes before the end is worth seconds. */
  readonly everyMs: number;
  /** undefined: it says that there is nothing. Throws on what it cannot have said. */
  readonly parse: (text: string) => Announcement | undefined;
}

const AT_ONCE = 0;
/** Events of the cloud's maintenance are announced weeks ahead; to stop then would be to stop for weeks. */
const EVENT_AHEAD_MS = 600_000;

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html */
export const NOTICE_SOURCES: readonly NoticeSource[] = [
  { kind: 'spot', path: 'meta-data/spot/instance-action', everyMs: 5_000, parse: spot },
  { kind: 'rebalance', path: 'meta-data/events/recommendations/rebalance', everyMs: 30_000, parse: rebalance },
  { kind: 'scheduled', path: 'meta-data/events/maintenance/scheduled', everyMs: 30_000, parse: scheduled },
  { kind: 'autoscaling', path: 'meta-data/autoscaling/target-lifecycle-state', everyMs: 30_000, parse: autoscaling },
];

const ACTIONS = ['terminate', 'stop', 'hibernate'];

/** `{"action": "terminate", "time": "2017-09-18T08:22:00Z"}` */
function spot(text: string): Announcement {
  const { action, time } = parseObject(text, 'spot/instance-action');
  if (!ACTIONS.includes(String(action))) throw invalid('spot/instance-action');
  return { kind: 'spot', deadline: timeOf(time, ISO, 'spot/instance-action'), leaveFrom: AT_ONCE };
}

/** `{"noticeTime": "2020-10-27T08:22:00Z"}`: an interruption is likely, none is decided. */
function rebalance(text: string): Announcement {
  timeOf(parseObject(text, 'rebalance')['noticeTime'], ISO, 'rebalance');
  return { kind: 'rebalance' };
}

const MOST_EVENTS = 100;
/** Those that end what runs. In the others (`system-maintenance`) the network or the power may fail, and come back. */
const ENDING = /^(instance-reboot|system-reboot|instance-retirement|instance-stop)$/;
const CODE = /^[a-z][a-z-]{0,62}$/;

/** `[{"NotBefore": "21 Jan 2019 09:00:43 GMT", "Code": "system-reboot", "State": "active", ...}]`: the first that is to come. */
function scheduled(text: string): Announcement | undefined {
  const events = parseList(text)
    .map(eventOf)
    .filter((event) => event !== undefined);
  return events.sort((a, b) => a.deadline - b.deadline)[0];
}

function eventOf(event: unknown): (Announcement & { deadline: number }) | undefined {
  const subject = 'events/maintenance/scheduled';
  if (typeof event !== 'object' || event === null) throw invalid(subject);
  const { NotBefore, Code, State } = event as Record<string, unknown>;
  if (typeof Code !== 'string' || !CODE.test(Code)) throw invalid(subject);
  const deadline = timeOf(NotBefore, GMT, subject);
  if (State !== 'active') return undefined;
  return { kind: 'scheduled', deadline, ...(ENDING.test(Code) ? { leaveFrom: deadline - EVENT_AHEAD_MS } : {}) };
}

const LIFECYCLE = /^(Warmed:)?(Detached|InService|Standby|Terminated|Hibernated|Running|Stopped)$/;

/** One word: what its group makes of the instance next. */
function autoscaling(text: string): Announcement | undefined {
  const word = text.trim();
  if (!LIFECYCLE.test(word)) throw invalid('autoscaling/target-lifecycle-state');
  return /^(Warmed:)?Terminated$/.test(word) ? { kind: 'autoscaling', leaveFrom: AT_ONCE } : undefined;
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
const GMT = /^\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

function timeOf(value: unknown, shape: RegExp, subject: string): number {
  const time = typeof value === 'string' && shape.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw invalid(subject);
  return time;
}

function parseList(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.length <= MOST_EVENTS) return value;
  } catch {
    // Said below.
  }
  throw invalid('events/maintenance/scheduled');
}
