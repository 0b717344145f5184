import { randomUUID } from 'node:crypto';
import type { BucketAddress } from '../../aws/location.ts';
import type { BucketWriter } from '../../aws/write.ts';
import { WAKE_NAME } from '../../fleet/wake.ts';

/**
 * Touches `<state>/wake`: agents ask for it every 15 s, by a condition that costs no body while it is the same, and sync when it is another.
 * The role in it lets those of other roles sleep on.
 */
export async function wake(writer: BucketWriter, state: BucketAddress, role: string, now: Date): Promise<void> {
  const key = `${state.prefix === '' ? '' : `${state.prefix}/`}${WAKE_NAME}`;
  const body = { schema: 1, id: randomUUID(), at: now.toISOString(), roles: [role] };
  await writer.put(state.bucket, key, Buffer.from(`${JSON.stringify(body)}\n`), { contentType: 'application/json' });
}
