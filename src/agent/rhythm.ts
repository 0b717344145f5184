import type { Spec } from '../spec/spec.ts';

/** When this instance looks at the bucket, and what else goes by a clock. */
export type Rhythm = Pick<Spec, 'schedule' | 'timezone' | 'splayMs' | 'wakeMs'>;

/** Until a spec was read: often enough for a machine that waits for its bucket, seldom enough for a fleet of them. */
export const FIRST_RHYTHM: Rhythm = { schedule: '* * * * *', timezone: 'UTC', splayMs: 10_000, wakeMs: 15_000 };
