import { EXIT } from '../../lib/exit.ts';
import { paint, printJson, say } from '../talk.ts';
import { openPlace, type Place, type PlaceOptions } from './place.ts';
import { FleetReader, type FleetView } from './read-fleet.ts';
import { conditionOf, isWell } from './row.ts';
import { asJson } from './row-json.ts';
import { countWords, firstInNeed, tableLines } from './table.ts';
import { counted } from './words.ts';

export interface FleetOptions extends PlaceOptions {
  readonly all?: boolean;
  readonly wide?: boolean;
  readonly exitCode?: boolean;
  readonly json?: boolean;
}

/** `haulout fleet s3://bucket`: who is there, and how they are. 0, or 2 with --exit-code when one of them is not well. */
export async function fleet(address: string, options: FleetOptions): Promise<number> {
  const place = await openPlace(address, options);
  try {
    const view = await new FleetReader(place).look();
    const { now, unreadable } = view;
    const rows = options.all ? view.rows : view.rows.filter((row) => conditionOf(row, now) !== 'ended');
    if (options.json) {
      const counts = countsOf(view);
      const instances = rows.map((row) => asJson(row, now));
      const others = unreadable.map((one) => ({ ...one, heard: new Date(one.heard).toISOString() }));
      printJson({
        schema: 1,
        state: place.text,
        at: new Date(now).toISOString(),
        counts,
        instances,
        unreadable: others,
      });
    } else if (rows.length + unreadable.length > 0) {
      const width = process.stdout.isTTY && !options.wide ? process.stdout.columns : undefined;
      const lines = tableLines(rows, unreadable, { now, wide: options.wide === true, width });
      process.stdout.write(`${lines.join('\n')}\n`);
    }
    if (!options.json) sum(place, view, options.all === true);
    return options.exitCode && !allWell(view) ? EXIT.differences : EXIT.done;
  } finally {
    place.reader.close();
  }
}

function allWell({ rows, unreadable, now }: FleetView): boolean {
  return unreadable.length === 0 && rows.every((row) => isWell(conditionOf(row, now)));
}

function countsOf({ rows, now, unreadable }: FleetView): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows) counts[conditionOf(row, now)] = (counts[conditionOf(row, now)] ?? 0) + 1;
  return { ...counts, unreadable: unreadable.length };
}

/** The talk after the table: how many are how, and what to do about it. */
function sum(place: Place, { rows, unreadable, now }: FleetView, all: boolean): void {
  const who = place.role === undefined ? place.text : `${place.text}, role ${place.role}`;
  if (rows.length + unreadable.length === 0) {
    say(`${who}: no instance has told of itself`);
    say(`next: haulout doctor s3://${place.state.bucket}/ROLE says whether instances may write there`);
    return;
  }
  const ended = rows.filter((row) => conditionOf(row, now) === 'ended').length;
  const hidden = ended > 0 && !all ? ' (the ended are shown by --all)' : '';
  say(`${who}: ${paint.bold(counted(rows.length, 'instance'))}: ${countWords(rows, unreadable, now)}${hidden}`);
  const first = firstInNeed(rows, now);
  if (first) say(`next: haulout explain ${first.instanceId} ${place.text}`);
}
