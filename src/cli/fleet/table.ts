import { visibleName } from '../../lib/log.ts';
import { ink } from '../talk.ts';
import type { FleetView } from './read-fleet.ts';
import { CONDITIONS, type Condition, compareRows, conditionOf, isWell, type Row, type Unreadable } from './row.ts';
import { contentWords, counted, failingWords, shortSpan } from './words.ts';

interface Column {
  readonly name: string;
  readonly of: (row: Row, now: number) => string;
  /** Characters that are enough of it where the terminal has no more; undefined: it is not shortened. */
  readonly least?: number;
}

const HEALTH = 'HEALTH';
const GAP = 2;
const PLAIN: readonly Column[] = [
  { name: 'INSTANCE', of: ({ instanceId }) => instanceId, least: 19 },
  { name: 'ROLE', of: ({ role }) => role, least: 4 },
  { name: 'CONTENT', of: contentWords, least: 4 },
  { name: HEALTH, of: conditionOf },
  { name: 'AGE', of: ({ bootedAt }, now) => (bootedAt === undefined ? '-' : shortSpan(now - bootedAt)) },
  { name: 'SEEN', of: ({ heard }, now) => shortSpan(now - heard) },
  { name: 'ADDRESS', of: ({ publicIpv4, localIpv4 }) => publicIpv4 || localIpv4 || '-' },
];
const FAILING: Column = { name: 'FAILING', of: failingWords };
const MORE: readonly Column[] = [
  { name: 'PRIVATE', of: ({ localIpv4 }) => localIpv4 || '-' },
  { name: 'TYPE', of: ({ instanceType }) => instanceType || '-' },
  { name: 'ZONE', of: ({ availabilityZone }) => availabilityZone || '-' },
  { name: 'AGENT', of: ({ agent }) => agent || '-' },
  { name: 'LEASE', of: ({ lease }, now) => (lease ? shortSpan(lease.expires - now) : '-') },
  { name: 'SYNC', of: ({ sync }) => `${(sync.ms / 1_000).toFixed(1)}s` },
];

const PAINT: Readonly<Record<Condition, (text: string) => string>> = {
  lost: ink.red,
  failed: ink.red,
  degraded: ink.yellow,
  draining: ink.yellow,
  converging: ink.cyan,
  healthy: ink.green,
  ended: ink.dim,
};

export interface TableOptions {
  readonly now: number;
  readonly wide: boolean;
  /** Characters of a line that there is room for; undefined: as many as it takes. */
  readonly width: number | undefined;
}

/** Worst first. What is no status stands at the end, with the reason. */
export function tableLines(
  rows: readonly Row[],
  unreadable: readonly Unreadable[],
  { now, wide, width }: TableOptions,
): string[] {
  const columns = [...PLAIN, ...(wide ? MORE : []), FAILING];
  const sorted = [...rows].sort(compareRows(now));
  const texts = sorted.map((row) => columns.map(({ of }) => visibleName(of(row, now))));
  const others = unreadable.map((one) => columns.map(({ name }) => visibleName(cellOf(one, name, now))));
  const all = [columns.map(({ name }) => name), ...texts, ...others];
  const widths = columns.map((_, index) => all.reduce((most, cells) => Math.max(most, cells[index]!.length), 0));
  makeRoom(columns, widths, width ?? Number.POSITIVE_INFINITY);
  const line = (cells: readonly string[], paint: (text: string) => string) =>
    laidOut(cells, columns, widths, width, paint);
  return [
    ink.bold(line(all[0]!, String)),
    ...texts.map((cells, index) => line(cells, PAINT[conditionOf(sorted[index]!, now)])),
    ...others.map((cells) => line(cells, ink.red)),
  ];
}

function cellOf({ path, reason, heard }: Unreadable, column: string, now: number): string {
  if (column === 'INSTANCE') return path;
  if (column === HEALTH) return 'unreadable';
  if (column === 'SEEN') return shortSpan(now - heard);
  return column === FAILING.name ? reason : '-';
}

/** Long names give way until the line has room for the health: who looks at a table looks for that. */
function makeRoom(columns: readonly Column[], widths: number[], width: number): void {
  const upToHealth = columns.findIndex(({ name }) => name === HEALTH) + 1;
  const taken = widths.slice(0, upToHealth).reduce((sum, one) => sum + one + GAP, -GAP);
  let over = taken - width;
  for (const [index, { least }] of columns.entries()) {
    if (least === undefined) continue;
    const given = Math.max(0, Math.min(over, widths[index]! - least));
    widths[index]! -= given;
    over -= given;
  }
}

function shortened(cell: string, width: number): string {
  return cell.length <= width ? cell : `${cell.slice(0, width - 3)}...`;
}

function laidOut(
  cells: readonly string[],
  columns: readonly Column[],
  widths: readonly number[],
  width: number | undefined,
  paint: (text: string) => string,
): string {
  let left = width ?? Number.POSITIVE_INFINITY;
  const shown: string[] = [];
  for (const [index, cell] of cells.entries()) {
    const padded = index === cells.length - 1 ? cell : shortened(cell, widths[index]!).padEnd(widths[index]! + GAP);
    const cut = padded.length > left ? padded.slice(0, left) : padded;
    left -= cut.length;
    shown.push(columns[index]!.name === HEALTH ? paint(cut) : cut);
  }
  return shown.join('').trimEnd();
}

/** How many are how: `3 healthy, 1 lost`, worst first. */
export function countWords(rows: readonly Row[], unreadable: readonly Unreadable[], now: number): string {
  const words = CONDITIONS.flatMap((condition) => {
    const count = rows.filter((row) => conditionOf(row, now) === condition).length;
    return count === 0 ? [] : [`${count.toLocaleString('en-US')} ${condition}`];
  });
  if (unreadable.length > 0) words.push(`${unreadable.length.toLocaleString('en-US')} unreadable`);
  return words.join(', ');
}

/** `4 instances: 3 healthy, 1 lost`. Of none there is no more to say than why nobody stands there, or what cannot be read. */
export function fleetWords({ rows, unreadable, now }: FleetView): string {
  const how = countWords(rows, unreadable, now) || 'none has told of itself';
  return `${counted(rows.length, 'instance')}: ${how}`;
}

/** Who should be looked at first: something failed there, or its lease ran out. */
export function firstInNeed(rows: readonly Row[], now: number): Row | undefined {
  const ill = rows.filter((row) => !isWell(conditionOf(row, now)));
  return ill.sort(compareRows(now))[0];
}
