import type { DeskGround, Moment } from './desk-ground.ts';

/** Calls that are made again and again while something is waited for: the first of each are moments enough. */
const MOST_OF_A_KIND = 8;

/** Every moment of a run that is worth dying at. */
export function killPoints(moments: readonly Moment[]): readonly Moment[] {
  const points = [...new Set(moments)];
  return points.filter((moment) => Number(moment.split(' ')[1]) <= MOST_OF_A_KIND);
}

export interface KilledSwap {
  readonly moment: Moment;
  /** Whether the run lived until that moment: polling differs from run to run. */
  readonly wasKilled: boolean;
  /** Longest time without an answer through the address, over both runs, in milliseconds. */
  readonly silentMs: number;
  /** What is wrong, in words. */
  readonly faults: readonly string[];
  /** Who holds the address now. */
  readonly holder: string;
}

/** Swaps the holder, kills the run at a moment, runs the same command again, and looks who is there. */
export async function swapKilledAt(ground: DeskGround, holder: string, moment: Moment): Promise<KilledSwap> {
  const both = async () => {
    const first = await ground.swap(holder, { killAt: moment });
    const wasKilled = first.code !== 0;
    return { wasKilled, last: wasKilled ? await ground.swap(holder) : first };
  };
  const [{ wasKilled, last }, silentMs] = await ground.longestSilence(both());
  const faults: string[] = [];
  const next = await ground.holder();
  const running = await ground.running();
  // Killed after the last word was written down, there is nothing to go on with: the old one is not known any more, or has ended.
  const wasOver = last.code !== 0 && running.length === 1 && next === running[0] && next !== holder;
  if (last.code !== 0 && !wasOver) faults.push(`the second run ended with ${last.code}: ${last.talk.trim()}`);
  if (next === undefined) faults.push('nobody holds the address');
  if (running.length !== 1 || running[0] !== next)
    faults.push(`${next} holds the address, and ${running.join(' ')} run`);
  if (!(await ground.answers())) faults.push('nothing answers through the address');
  return { moment, wasKilled, silentMs, faults, holder: next ?? holder };
}
