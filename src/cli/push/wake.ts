import { randomUUID } from 'node:crypto';
import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
import { LARGEST_WAKE, readWake, WAKE_NAME } from '../../fleet/wake.ts';

/** Eight looks of an agent: who has not heard it by then looks seldom, and has its schedule. */
const HEARD_MS = 120_000;
/** More are not named: then it concerns everybody. */
const MOST_ROLES = 100;

/**
 * Touches `<state>/wake`: agents ask for it every 15 s, by a condition that costs no body while it is the same, and sync when it is another.
 * The roles in it let those of others sleep on. Who was called a moment ago may not have looked yet, and is called with them.
 */
export async function wake(writer: BucketWriter, state: BucketAddress, role: string, now: Date): Promise<void> {
  const key = `${state.prefix === '' ? '' : `${state.prefix}/`}${WAKE_NAME}`;
  // Whoever may not read it calls everybody: a look for nothing costs less than one that is left out.
  const before = await writer.get(state.bucket, key, LARGEST_WAKE).catch(() => Buffer.alloc(0));
  const roles = [...new Set([role, ...(before ? calledBefore(before, now.getTime()) : [])])];
  const isForAll = roles.includes(EVERYBODY) || roles.length > MOST_ROLES;
  const body = { schema: 1, id: randomUUID(), at: now.toISOString(), ...(isForAll ? {} : { roles }) };
  await writer.put(state.bucket, key, Buffer.from(`${JSON.stringify(body)}\n`), { contentType: 'application/json' });
}

const EVERYBODY = '';

function calledBefore(body: Uint8Array, now: number): readonly string[] {
  const { roles, at = now } = readWake(body);
  if (Math.abs(now - at) > HEARD_MS) return [];
  return roles.length === 0 ? [EVERYBODY] : roles;
}
