import { RUN_MS } from '../../aws/ec2.ts';
import type { Instance } from '../../aws/ec2-answers.ts';
import { isDead, type Owner } from '../owner.ts';
import type { LaunchRecord } from './launch-record.ts';
import { forget, isThere, type LaunchWorld, told } from './launch-world.ts';

/** A launch that was cut off, to go on with. */
export interface CutOff {
  readonly token: string;
  /** Undefined: the call has to be made again, under the same token. */
  readonly ids: readonly string[] | undefined;
}

/** Nobody's call to EC2 lasts longer; clocks may differ by the rest. Beyond it, a process of that number is another one. */
const LONGEST_MS = RUN_MS + 60_000;
/** An instance that EC2 has not shown by then was never launched. */
const SHOWN_MS = 600_000;

/**
 * Settles what launches of this role that were cut off have left in the state. One of the same wish is gone on with; of another
 * wish it is said what it launched: that is never launched again, and never left running without a word.
 */
export async function settleLeftovers(world: LaunchWorld, wish: string): Promise<CutOff | undefined> {
  const { records, unreadable, more } = await world.records.find();
  for (const address of unreadable)
    world.say(`${address}: no record of a launch can be read in it, and it is left: look at it, then delete it`);
  if (more > 0) world.say(`${more} older records of launches are not looked at`);
  let found: CutOff | undefined;
  for (const record of records) {
    if (isLeftAlone(world, record)) continue;
    if (record.wish !== wish) await tellOther(world, record);
    else if (!found) found = await goOn(world, record);
    else world.say(`the launch of ${record.owner.at} was cut off too: run the command again to go on with it`);
  }
  return found;
}

function isLeftAlone({ clock, region, say }: LaunchWorld, { owner, region: where }: LaunchRecord): boolean {
  if (mayLive(owner, clock.now())) {
    say(`another launch is under way (${owner.host}, process ${owner.pid}): it is left alone`);
    return true;
  }
  if (where === region) return false;
  say(`the launch of ${owner.at} in ${where} was cut off: go on with it by --region ${where}`);
  return true;
}

function mayLive(owner: Owner, now: number): boolean {
  return ageOf(owner, now) < LONGEST_MS && !isDead(owner);
}

/** A clock that is ahead makes nobody immortal. */
function ageOf({ at }: Owner, now: number): number {
  return Math.abs(now - Date.parse(at));
}

async function goOn(world: LaunchWorld, record: LaunchRecord): Promise<CutOff | undefined> {
  const { token, owner } = record;
  const { seen, isAll } = await outcome(world, record);
  const cut = `the launch of ${owner.at} was cut off`;
  if (!isAll || seen.length === 0) {
    world.say(`${cut}: going on with it, under its token`);
    return { token, ids: undefined };
  }
  const ids = seen.map(({ id }) => id);
  if (seen.some(isThere)) {
    world.say(`${cut}; it launched ${ids.join(' ')}: going on with it`);
    return { token, ids };
  }
  world.say(`${cut}; what it launched has ended (${ids.join(' ')})`);
  await forget(world, token);
  return undefined;
}

async function tellOther(world: LaunchWorld, record: LaunchRecord): Promise<void> {
  const { say, state } = world;
  const { seen, isAll } = await outcome(world, record);
  const cut = `the launch of ${record.owner.at}, of other words or another build than now, was cut off`;
  if (seen.length === 0 && !isAll) {
    say(`${cut}; EC2 shows nothing of it yet: its record is left, and a later launch looks again`);
    return;
  }
  say(`${cut}; it launched ${seen.length === 0 ? 'nothing' : seen.map(told).join(', ')}`);
  const there = seen.filter(isThere).map(({ id }) => id);
  if (there.length > 0)
    say(
      `  keep what runs (haulout fleet ${state}), or end it: aws ec2 terminate-instances --instance-ids ${there.join(' ')}`,
    );
  if (isAll) await forget(world, record.token);
}

/** What EC2 shows of it, and whether that is all there will ever be to see. */
async function outcome(
  { ec2, clock }: LaunchWorld,
  { token, count, owner }: LaunchRecord,
): Promise<{ readonly seen: readonly Instance[]; readonly isAll: boolean }> {
  const seen = await ec2.launchedUnder(token);
  return { seen, isAll: seen.length >= count || ageOf(owner, clock.now()) > SHOWN_MS };
}
