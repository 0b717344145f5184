import type { ElasticAddress } from '../../aws/ec2-answers.ts';
import { isInDoubt } from '../../aws/ec2-trouble.ts';
import { formatDuration } from '../../lib/duration.ts';
import { asTrouble, HauloutError, type Trouble } from '../../lib/errors.ts';
import type { ProbeResult } from '../../services/probe.ts';
import { type Lookout, watchBoot } from '../launch/watch-boot.ts';
import type { Operation } from './operation.ts';

/** What a swap is made with. */
export interface SwapWorld extends Lookout {
  /** Asks through the address, once. */
  readonly probe: (publicIp: string, probe: string) => Promise<ProbeResult>;
}

/** What a step makes of an operation: the next step, and what is known by then. */
export type Next = Omit<Operation, 'owner'>;

const LOOK_MS = 1_000;
const ADDRESS_MS = 60_000;
/** So many answers in a row are one that holds. */
const PROOFS = 3;
const END_MS = 900_000;

export async function launch({ ec2, say }: SwapWorld, operation: Operation): Promise<Next> {
  const { token, like, tags, userData } = operation;
  const bytes = userData === undefined ? undefined : Buffer.from(userData, 'base64');
  try {
    const [fresh] = await ec2.run({ token, count: 1, like, tags, userData: bytes });
    if (!fresh)
      throw trouble('nothing-launched', operation.old, 'EC2 launched nothing and did not say why', 'run it again');
    say(`${fresh.id}: launched, like ${operation.old}`);
    return { ...operation, fresh: fresh.id, step: 'settle' };
  } catch (error) {
    // Left as it is, it would be asked for and refused for ever, whatever is asked for the next time.
    const seen = await ec2.launchedUnder(token).catch(() => undefined);
    if (isInDoubt(error) || seen?.length !== 0) throw error;
    return { ...operation, step: 'undone', trouble: { ...asTrouble(error, 'swap', ''), subject: operation.old } };
  }
}

export async function settle(world: SwapWorld, operation: Operation): Promise<Next> {
  const { role, holdMs, timeoutMs } = operation;
  const boot = await watchBoot(world, { id: freshOf(operation), role, holdMs, timeoutMs });
  if (!boot.ok) return { ...operation, step: 'back', trouble: boot.trouble };
  const port = boot.status.services.find((service) => service.port !== undefined)?.port;
  const probe = operation.probe ?? (port === undefined ? 'none' : `tcp:${port}`);
  return { ...operation, probe, step: operation.address ? 'move' : 'retire' };
}

export async function move(world: SwapWorld, operation: Operation): Promise<Next> {
  const { old } = operation;
  const fresh = freshOf(operation);
  const address = await addressOf(world, operation);
  if (address.instanceId !== undefined && ![old, fresh].includes(address.instanceId)) throw elsewhere(address, old);
  if (!(await isRunning(world, fresh))) return { ...operation, step: 'back', trouble: gone(fresh) };
  await give(world, address, fresh);
  return { ...operation, step: 'prove' };
}

export async function prove(world: SwapWorld, operation: Operation): Promise<Next> {
  const { address, probe, old } = operation;
  const failed =
    address && probe && probe !== 'none' ? await probed(world, address.publicIp, probe, operation.proveMs) : undefined;
  if (!failed) return { ...operation, step: 'retire' };
  if (!(await isRunning(world, old)))
    throw trouble(
      failed.code,
      failed.subject,
      `${failed.reason}, and there is no way back: ${old} does not run`,
      `the address stays at ${operation.fresh}; mend that, then run it again`,
    );
  return { ...operation, step: 'back', trouble: failed };
}

/** The old one does not end for a new one that has gone down since it was well; nor does anything bring back what has ended. */
export async function retire(world: SwapWorld, operation: Operation): Promise<Next> {
  const fresh = freshOf(operation);
  const old = await world.ec2.find(operation.old);
  const isThere = old !== undefined && !['shutting-down', 'terminated'].includes(old.state);
  if (isThere && !(await isRunning(world, fresh))) return { ...operation, step: 'back', trouble: gone(fresh) };
  await ended(world, operation, operation.old);
  return { ...operation, step: 'done' };
}

/** Law of the swap: the address is never with nobody. It goes back before the new instance ends, and only to one that runs. */
export async function back(world: SwapWorld, operation: Operation): Promise<Next> {
  const { old, fresh, address: moved } = operation;
  if (moved) {
    const address = await addressOf(world, operation);
    if (address.instanceId !== undefined && ![old, fresh].includes(address.instanceId)) throw elsewhere(address, old);
    if (address.instanceId !== old) {
      if (!(await isRunning(world, old)))
        throw trouble(
          'no-way-back',
          old,
          'the old instance does not run any more: the address stays where it is',
          `look at ${address.instanceId ?? fresh}; \`haulout explain ${fresh}\` says what it lacks`,
        );
      await give(world, address, old);
    }
  }
  if (fresh !== undefined) await ended(world, operation, fresh);
  return { ...operation, step: 'undone' };
}

async function give({ ec2, clock, say }: SwapWorld, address: ElasticAddress, to: string): Promise<void> {
  if (address.instanceId !== to) await ec2.associate(address, to);
  const deadline = clock.elapsed() + ADDRESS_MS;
  for (;;) {
    const now = (await ec2.addresses()).find(({ publicIp }) => publicIp === address.publicIp);
    if (now?.instanceId === to) break;
    if (clock.elapsed() > deadline)
      throw trouble(
        'address-not-moved',
        address.publicIp,
        `EC2 took the order, but the address is not at ${to} after ${formatDuration(ADDRESS_MS)}`,
        'look with `aws ec2 describe-addresses`, then run it again: it goes on from here',
      );
    await clock.sleep(LOOK_MS);
  }
  say(`${address.publicIp}: at ${to}`);
}

/** Undefined: it answered well, several times in a row. */
async function probed(
  { probe, clock, say }: SwapWorld,
  publicIp: string,
  how: string,
  proveMs: number,
): Promise<Trouble | undefined> {
  const deadline = clock.elapsed() + proveMs;
  let last: ProbeResult = { ok: true };
  for (let well = 0; well < PROOFS; ) {
    last = await probe(publicIp, how);
    well = last.ok ? well + 1 : 0;
    if (!last.ok && clock.elapsed() > deadline)
      return {
        code: 'probe-failed',
        step: 'swap',
        subject: publicIp,
        reason: `through the address: ${last.reason}`,
        hint: 'the address is back where it was; see `haulout explain` of the new instance',
      };
    if (well < PROOFS) await clock.sleep(LOOK_MS);
  }
  say(`${publicIp}: answers (${how}, ${PROOFS} times)`);
  return undefined;
}

async function ended({ ec2, statuses, clock, say }: SwapWorld, { role }: Operation, id: string): Promise<void> {
  const before = await ec2.find(id);
  if (before && before.state !== 'terminated') {
    await ec2.terminate(id);
    say(`${id}: told to end; it drains and stops its services`);
  }
  const deadline = clock.elapsed() + END_MS;
  for (let now = before; now && now.state !== 'terminated'; now = await ec2.find(id)) {
    if (clock.elapsed() > deadline)
      throw trouble(
        'instance-does-not-end',
        id,
        `it is ${now.state} after ${formatDuration(END_MS)}`,
        'look at it in the console of the cloud, then run it again',
      );
    await clock.sleep(LOOK_MS);
  }
  const last = await statuses.read(role, id);
  say(`${id}: terminated${last?.lease?.state === 'ended' ? ', having said goodbye' : ', without a last word'}`);
}

async function isRunning({ ec2 }: SwapWorld, id: string): Promise<boolean> {
  return (await ec2.find(id))?.state === 'running';
}

async function addressOf({ ec2 }: SwapWorld, { address, old }: Operation): Promise<ElasticAddress> {
  const found = (await ec2.addresses()).find(({ publicIp }) => publicIp === address?.publicIp);
  if (found) return found;
  throw trouble(
    'address-gone',
    address?.publicIp ?? old,
    'there is no such address any more',
    'look with `aws ec2 describe-addresses`',
  );
}

function freshOf({ fresh, old }: Operation): string {
  if (fresh !== undefined) return fresh;
  throw trouble('operation-unreadable', old, 'the new instance is not written down', 'run it again with --back');
}

function gone(fresh: string): Trouble {
  return {
    code: 'instance-gone',
    step: 'swap',
    subject: fresh,
    reason: 'the new instance was well, and does not run any more',
    hint: `see why: aws ec2 get-console-output --instance-id ${fresh} --output text`,
  };
}

export function elsewhere(address: ElasticAddress, old: string): HauloutError {
  return trouble(
    'address-elsewhere',
    address.publicIp,
    address.instanceId === undefined
      ? `nobody has this address, and ${old} should`
      : `${address.instanceId} has this address, and ${old} should`,
    'nothing was changed: is it the right instance? Name another with --address',
  );
}

function trouble(code: string, subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code, step: 'swap', subject, reason, hint });
}
