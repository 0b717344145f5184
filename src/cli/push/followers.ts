import type { Status } from '../../status/status.ts';

/** What one instance has made of a push, by its own word. Times are milliseconds after the push. */
export type Following =
  | { readonly state: 'waiting' }
  | { readonly state: 'working' }
  /** Its lease ran out before it had followed. */
  | { readonly state: 'lost' }
  | { readonly state: 'followed'; readonly started: number; readonly ended: number }
  | {
      readonly state: 'failed';
      /** The subject of the step that failed. */
      readonly step: string;
      readonly code: string;
      readonly reason: string;
      /** Given up; else it tries again. */
      readonly final: boolean;
    };

/** What is asked of an instance: to have this content, and to have looked at the bucket after this moment. */
export interface Goal {
  readonly digest: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/**
 * How an instance follows, by its last status. Followed: it is healthy with that content. Failed: it has given it up, or tried it and is
 * not well; the latter may still mend.
 */
export function followingOf(
  status: Pick<Status, 'health' | 'content' | 'lastSync' | 'trouble'>,
  goal: Goal,
): Following {
  const { content, lastSync, trouble, health } = status;
  const started = Date.parse(lastSync.startedAt) - goal.since;
  if (content.setAside?.digest === goal.digest)
    return { state: 'failed', ...stepOf(content.setAside), reason: 'it was given up', final: true };
  if (content.active === goal.digest && health === 'healthy')
    return { state: 'followed', started: Math.max(0, started), ended: Math.max(0, started + lastSync.ms) };
  if (content.wanted === goal.digest && trouble)
    return { state: 'failed', ...stepOf(trouble), reason: trouble.reason, final: false };
  if (content.wanted === goal.digest) return { state: 'working' };
  return { state: 'waiting' };
}

function stepOf({ subject, code }: { readonly subject: string; readonly code: string }) {
  return { step: subject, code };
}
