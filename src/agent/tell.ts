import { formatDuration } from '../lib/duration.ts';
import type { Status } from '../status/status.ts';

/** One line about a round, for logs. */
export function summary(status: Status): string {
  const { lastSync, trouble } = status;
  const did = lastSync.changed.length === 0 ? 'nothing to do' : `changed ${shortList(lastSync.changed)}`;
  const words = `${status.health}: ${did} (${lastSync.steps} steps, ${lastSync.requests} requests, ${formatDuration(lastSync.ms)})`;
  return trouble ? `${words}; ${trouble.step}: ${trouble.subject}: ${trouble.reason}. ${trouble.hint}` : words;
}

export function shortList(subjects: readonly string[]): string {
  const shown = subjects.slice(0, 4).join(', ');
  return subjects.length > 4 ? `${shown} and ${subjects.length - 4} more` : shown;
}
