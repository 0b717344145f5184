import type { Store } from './bucket.ts';
import type { OwnSettings } from './own.ts';
import type { Stop } from './stop.ts';
import type { World } from './world.ts';

/** A `Status` of `status/status.ts`, whose room is not for this one to enter; a test holds the two together. */
export interface FailureStatus {
  readonly schema: 1;
  readonly instanceId: string;
  readonly role: string;
  readonly at: string;
  readonly health: 'failed';
  readonly content: Record<string, never>;
  readonly lastSync: {
    readonly startedAt: string;
    readonly ms: 0;
    readonly steps: 0;
    readonly changed: never[];
    readonly requests: 0;
    readonly bytes: 0;
  };
  readonly services: never[];
  readonly trouble: {
    readonly code: string;
    readonly step: string;
    readonly subject: string;
    readonly reason: string;
    readonly hint: string;
  };
  readonly waiting: never[];
  readonly waited: never[];
  readonly notes: never[];
  readonly timeline: never[];
}

/**
 * Where the fleet's statuses are, so that who looks for this machine there finds why it never came up. Asked once: a bucket that
 * takes it does so now, and the console has said it already.
 */
export async function reportFailure(
  { state, role }: OwnSettings,
  store: Store,
  instanceId: string,
  { words: [step, subject, reason, hint] }: Stop,
  world: World,
): Promise<void> {
  const at = new Date(world.now() + store.offset).toISOString();
  const status: FailureStatus = {
    schema: 1,
    instanceId,
    role,
    at,
    health: 'failed',
    content: {},
    lastSync: { startedAt: at, ms: 0, steps: 0, changed: [], requests: 0, bytes: 0 },
    services: [],
    trouble: { code: 'launch-failed', step, subject, reason, hint },
    waiting: [],
    waited: [],
    notes: [],
    timeline: [],
  };
  const key = `${state.prefix && `${state.prefix}/`}instances/${role}/${instanceId}.json`;
  await store.ask('PUT', key, JSON.stringify(status)).catch(() => undefined);
}
