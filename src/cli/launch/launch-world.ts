import type { Ec2 } from '../../aws/ec2.ts';
import type { Instance } from '../../aws/ec2-answers.ts';
import type { Clock } from '../../lib/clock.ts';
import type { LaunchRecords } from './launch-records.ts';

/** What launches are made with. */
export interface LaunchWorld {
  readonly ec2: Ec2;
  readonly records: LaunchRecords;
  readonly clock: Clock;
  readonly region: string;
  /** `s3://bucket/.haulout` */
  readonly state: string;
  readonly say: (words: string) => void;
}

const ENDED = ['shutting-down', 'terminated'];

export function isThere({ state }: Instance): boolean {
  return !ENDED.includes(state);
}

/** An instance in words. */
export function told({ id, state }: Instance): string {
  return `${id} (${state})`;
}

/** Takes away the record of a launch that has been told of. That it stays is no reason to fail: it will be told of again. */
export async function forget({ records, say }: LaunchWorld, token: string): Promise<void> {
  await records.remove(token).catch((error: unknown) => {
    const name = error instanceof Error ? error.name : 'unknown';
    say(
      `${records.address(token)}: cannot be deleted (${name}): delete it, or the next launch takes it for one that was cut off`,
    );
  });
}
