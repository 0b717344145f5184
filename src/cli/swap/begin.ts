import { randomUUID } from 'node:crypto';
import type { Ec2 } from '../../aws/ec2.ts';
import type { ElasticAddress, Instance } from '../../aws/ec2-answers.ts';
import { HauloutError } from '../../lib/errors.ts';
import type { Next } from './steps.ts';
import { elsewhere } from './steps.ts';

/** What the operator wants to be other than at the old instance, and how much is asked of the new one. */
export interface SwapWish {
  /** Undefined: the one that the old instance has. `none`: nothing is moved (`haulout replace`). */
  readonly address: string | 'none' | undefined;
  readonly imageId: string | undefined;
  readonly instanceType: string | undefined;
  /** Undefined: what the old one was launched with. */
  readonly userData: Uint8Array | undefined;
  readonly probe: string | undefined;
  readonly holdMs: number;
  readonly timeoutMs: number;
  readonly proveMs: number;
}

/** The operation as it begins, after a look at what is there. Nothing is changed yet; what is not as it should be is refused. */
export async function begin(ec2: Ec2, old: Instance, role: string, wish: SwapWish, now: Date): Promise<Next> {
  refuseOfGroup(old);
  const address = wish.address === 'none' ? undefined : await addressFor(ec2, old, wish.address);
  const userData = wish.userData ?? (await ec2.userData(old.id));
  if (!userData)
    throw refused('userdata-unknown', old.id, 'EC2 does not tell its user-data', 'give it: --user-data bootstrap.js');
  return {
    schema: 1,
    step: 'launch',
    old: old.id,
    token: randomUUID(),
    role,
    ...(address ? { address: shortened(address) } : {}),
    ...(wish.probe === undefined ? {} : { probe: wish.probe }),
    holdMs: wish.holdMs,
    timeoutMs: wish.timeoutMs,
    proveMs: wish.proveMs,
    like: {
      ...old.like,
      ...(wish.imageId === undefined ? {} : { imageId: wish.imageId }),
      ...(wish.instanceType === undefined ? {} : { instanceType: wish.instanceType }),
    },
    tags: Object.fromEntries(Object.entries(old.tags).filter(([key]) => !key.startsWith('aws:'))),
    userData: Buffer.from(userData).toString('base64'),
    startedAt: now.toISOString(),
  };
}

/** EC2 tags what an Auto Scaling group launches, and takes the tag away when it is detached: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html */
function refuseOfGroup({ id, tags }: Instance): void {
  const group = tags['aws:autoscaling:groupName'];
  if (group === undefined) return;
  throw refused(
    'of-a-group',
    id,
    `it is one of the Auto Scaling group ${group}, which would launch one more in its place`,
    `let the group do it: aws autoscaling terminate-instance-in-auto-scaling-group --instance-id ${id} --no-should-decrement-desired-capacity`,
  );
}

async function addressFor(ec2: Ec2, old: Instance, wanted: string | undefined): Promise<ElasticAddress> {
  const all = await ec2.addresses();
  if (wanted !== undefined) {
    const named = all.find(({ publicIp, allocationId }) => [publicIp, allocationId].includes(wanted));
    if (!named)
      throw refused('address-unknown', wanted, 'there is no such address', 'look with `aws ec2 describe-addresses`');
    // Of an instance that is dead the cloud has taken it already: then it is free.
    const isFree = named.instanceId === undefined && old.state !== 'running';
    if (named.instanceId !== old.id && !isFree) throw elsewhere(named, old.id);
    return named;
  }
  const held = all.filter(({ instanceId }) => instanceId === old.id);
  const [only, ...more] = held;
  if (only && more.length === 0) return only;
  throw refused(
    only ? 'address-ambiguous' : 'address-elsewhere',
    old.id,
    only ? `it has ${held.length} addresses` : 'it has no address',
    only ? 'name the one to move: --address 198.51.100.7' : 'use `haulout replace`, or name the address: --address',
  );
}

function shortened({ publicIp, allocationId }: ElasticAddress): { publicIp: string; allocationId?: string } {
  return { publicIp, ...(allocationId === undefined ? {} : { allocationId }) };
}

function refused(code: string, subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code, step: 'swap', subject, reason, hint });
}
