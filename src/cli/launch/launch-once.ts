import type { LaunchWish } from '../../aws/ec2.ts';
import type { Instance } from '../../aws/ec2-answers.ts';
import { isInDoubt } from '../../aws/ec2-trouble.ts';
import { HauloutError } from '../../lib/errors.ts';
import { newOwner } from '../owner.ts';
import { wishDigest } from './launch-record.ts';
import { forget, isThere, type LaunchWorld, told } from './launch-world.ts';

/**
 * RunInstances, written down before it is called: killed at any moment, the same command finds what came of it. Once the ids are told
 * there is nothing left to lose, and the record goes.
 */
export async function launchOnce(world: LaunchWorld, role: string, wish: LaunchWish): Promise<readonly string[]> {
  const { ec2, records, region, clock, say } = world;
  const { token, count } = wish;
  const owner = { ...newOwner(), at: new Date(clock.now()).toISOString() };
  say(`launching ${count} of ${role}; if this is cut off before it names them, run the same command again`);
  await records.write({ schema: 1, token, role, count, wish: wishDigest(wish), region, owner });
  const launched = await ec2.run(wish).catch(async (error: unknown) => {
    // A record that stays where nothing was launched does no harm: its token is as good as a new one.
    if (!isInDoubt(error)) await records.remove(token).catch(() => undefined);
    throw isMismatch(error) ? await tokenTaken(world, token, error) : error;
  });
  const ids = launched.map(({ id }) => id);
  say(`launched ${ids.join(' ')}`);
  await forget(world, token);
  return ids;
}

function isMismatch(error: unknown): boolean {
  return error instanceof HauloutError && error.code === 'ec2-IdempotentParameterMismatch';
}

async function tokenTaken({ ec2 }: LaunchWorld, token: string, cause: unknown): Promise<HauloutError> {
  const seen: readonly Instance[] = await ec2.launchedUnder(token).catch(() => []);
  const there = seen.filter(isThere).map(({ id }) => id);
  const end = there.length === 0 ? '' : `, or end them: aws ec2 terminate-instances --instance-ids ${there.join(' ')}`;
  return new HauloutError(
    {
      code: 'launch-token-taken',
      step: 'launch',
      subject: token,
      reason: `this token launched something else before: ${seen.length === 0 ? 'EC2 does not show what' : seen.map(told).join(', ')}`,
      hint: `leave out --client-token to launch anew; keep what runs${end}`,
    },
    cause,
  );
}
