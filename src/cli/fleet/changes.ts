import { visibleName } from '../../lib/log.ts';
import type { FleetView } from './read-fleet.ts';
import { type Condition, conditionOf, type Row } from './row.ts';
import { contentWords, failingWords } from './words.ts';

/** How an instance was found at one look. */
interface Found {
  readonly row: Row;
  readonly condition: Condition;
  readonly content: string;
  readonly failing: string;
}

export interface Change {
  /** ISO 8601, by the store's clock. */
  readonly at: string;
  readonly instanceId: string;
  readonly role: string;
  /** null: it was not there. */
  readonly before: Told | null;
  /** null: its status is gone. */
  readonly after: Told | null;
}

export interface Told {
  readonly condition: Condition;
  readonly content: string;
  readonly failing: string;
}

/** What is different since the last look; at the first one everybody is new. */
export class Changes {
  #last = new Map<string, Found>();

  next({ rows, now }: FleetView): Change[] {
    const at = new Date(now).toISOString();
    const found = new Map(rows.map((row) => [`${row.role}/${row.instanceId}`, foundOf(row, now)]));
    const changes: Change[] = [];
    for (const [name, after] of found) {
      const before = this.#last.get(name);
      if (!before || sameness(before) !== sameness(after)) changes.push(changeOf(at, before, after));
    }
    for (const [name, before] of this.#last) if (!found.has(name)) changes.push(changeOf(at, before, undefined));
    this.#last = found;
    return changes;
  }
}

function foundOf(row: Row, now: number): Found {
  return { row, condition: conditionOf(row, now), content: contentWords(row), failing: failingWords(row, now) };
}

/** How long ago something was is no news. */
function sameness({ row, condition, content }: Found): string {
  return JSON.stringify([condition, content, row.failing, row.lease?.notice?.kind]);
}

function changeOf(at: string, before: Found | undefined, after: Found | undefined): Change {
  const { instanceId, role } = (after ?? before)!.row;
  return { at, instanceId, role, before: toldOf(before), after: toldOf(after) };
}

function toldOf(found: Found | undefined): Told | null {
  return found ? { condition: found.condition, content: found.content, failing: found.failing } : null;
}

/** `TIME ID ROLE healthy -> degraded  content A -> B  service: service:web [check-failed]` */
export function changeLine({ at, instanceId, role, before, after }: Change): string {
  const parts = [`${at} ${instanceId} ${role}`];
  if (before?.condition !== after?.condition)
    parts.push(`${before?.condition ?? 'absent'} -> ${after?.condition ?? 'absent'}`);
  else if (after) parts.push(after.condition);
  if (before && after && before.content !== after.content) parts.push(`content ${before.content} -> ${after.content}`);
  if (after?.failing) parts.push(after.failing);
  return visibleName(parts.join('  '));
}
