import type { NetFault } from './fault-proxy.ts';
import { type Cell, isListing, isObject, isWriting, type WeatherGround } from './weather.ts';

interface Row {
  readonly name: string;
  readonly fault: NetFault;
  /** The longest one try can take by the deadlines of src/aws/http.ts, in milliseconds. */
  readonly tryMs: number;
}

/** Tries at the most, and all the pauses between them at their longest. */
const TRIES = 5;
const PAUSES_MS = 200 + 400 + 800 + 1_600;
/** No new try after so long, but one that has begun goes on. */
const BUDGET_MS = 60_000;
const BUSY_MS = 20_000;
/** Of the process that writes the status. */
const UPLOAD_MS = 90_000;

/** Faults of a network by how long they keep one waiting: the quick ones are for every day. */
export const QUICK: readonly Row[] = [
  {
    name: '503 to half of the requests',
    fault: { kind: 'status', status: 503, code: 'SlowDown', share: 50 },
    tryMs: 0,
  },
  { name: '503 to all', fault: { kind: 'status', status: 503, code: 'SlowDown' }, tryMs: 0 },
  { name: 'cut, with its length', fault: { kind: 'cut', at: 300, told: true }, tryMs: 0 },
  { name: 'cut, without a length', fault: { kind: 'cut', at: 300, told: false }, tryMs: 0 },
  { name: 'endless', fault: { kind: 'endless' }, tryMs: 5_000 },
  { name: 'wrong, of the right length', fault: { kind: 'wrong' }, tryMs: 0 },
  { name: 'reset', fault: { kind: 'reset' }, tryMs: 0 },
  { name: 'reset in the body', fault: { kind: 'reset', at: 300 }, tryMs: 0 },
  { name: 'no HTTP', fault: { kind: 'noise' }, tryMs: 0 },
  { name: '300 ms late', fault: { kind: 'delay', ms: 300 }, tryMs: 300 },
];
export const SLOW: readonly Row[] = [
  { name: 'silence before the answer', fault: { kind: 'silence' }, tryMs: 10_000 },
  { name: 'a stall in the body', fault: { kind: 'stall', at: 300 }, tryMs: 15_000 },
  { name: 'a drip of 100 bytes/s', fault: { kind: 'drip', bytes: 10 }, tryMs: 45_000 },
];

const limit = ({ tryMs }: Row) => Math.min(TRIES * tryMs, BUDGET_MS + tryMs) + PAUSES_MS + BUSY_MS;

/** A fault of the store while the bucket is listed, while an object is fetched, while the status is written, and at a start. */
export async function storeCells(ground: WeatherGround, row: Row): Promise<Cell[]> {
  const { name, fault } = row;
  const { role } = ground;
  const list = await ground.cell({ fault: name, step: 'bucket list', limitMs: limit(row) }, () =>
    ground.sync({ store: { fault, where: isListing } }),
  );
  const fetch = await ground.cell({ fault: name, step: 'bucket fetch', limitMs: limit(row) }, async () => {
    await ground.upload();
    return await ground.sync({ store: { fault, where: isObject } });
  });
  const write = await ground.cell({ fault: name, step: 'status write', limitMs: UPLOAD_MS + BUSY_MS }, async () => {
    await ground.upload();
    return await ground.sync({ store: { fault, where: isWriting } });
  });
  // The first round that runs already, and the one that is asked for.
  const start = await ground.cell(
    { fault: name, step: 'agent restart', limitMs: 2 * limit(row) + 2 * UPLOAD_MS },
    async () => {
      await role.killAgent();
      ground.store.befalls = { fault };
      await role.startAgent();
      return await ground.sync({ store: { fault } });
    },
  );
  return [list, fetch, write, start];
}

/** A metadata service and a bucket that are bad for so long when the machine launches, and when an agent starts anew. */
export async function launchCells(ground: WeatherGround, { name, fault }: Row, badMs: number): Promise<Cell[]> {
  const limitMs = badMs + 15_000 + BUSY_MS;
  const at = (step: string) => ({ fault: `${name}, for ${badMs / 1_000} s`, step, limitMs });
  return [
    await ground.cell(at('launcher: IMDS'), () => ground.launchAgain(badMs, { metadata: { fault } })),
    await ground.cell(at('launcher: agent'), () => ground.launchAgain(badMs, { store: { fault, where: isObject } })),
    await ground.cell(at('metadata'), () => ground.restartUnknown(badMs, { metadata: { fault } })),
  ];
}
