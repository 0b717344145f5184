import type { Row } from './row.ts';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** Short, for a column: `45s`, `12m`, `3h05m`, `41d`. What lies ahead is no span: `0s`. */
export function shortSpan(ms: number): string {
  const at = UNITS.findIndex(([, unit]) => ms >= unit);
  const [name, unit] = UNITS[at] ?? ['s', 1_000];
  const whole = Math.max(0, Math.floor(ms / unit));
  const next = UNITS[at + 1];
  if (at < 0 || whole >= 10 || !next || name === 'm') return `${whole}${name}`;
  const rest = Math.floor((ms % unit) / next[1]);
  return `${whole}${name}${String(rest).padStart(2, '0')}${next[0]}`;
}

/** What it runs on, and whether that is what the bucket has. */
export function contentWords({ content }: Pick<Row, 'content'>): string {
  const { active, wanted, setAside } = content;
  const runs = active?.slice(0, 12) ?? 'none';
  if (setAside !== undefined) return `${runs} set-aside`;
  return wanted === undefined || wanted === active ? runs : `${runs} behind`;
}

/** The step that fails; of who is gone or going, why. */
export function failingWords({ failing, lease }: Pick<Row, 'failing' | 'lease'>, now: number): string {
  const words: string[] = [];
  const { state = 'active', expires = 0, notice } = lease ?? {};
  if (state !== 'ended' && lease && expires <= now) words.push(`lease ran out ${shortSpan(now - expires)} ago`);
  if (notice) words.push(`${notice.kind} notice${notice.deadline ? `, until ${notice.deadline}` : ''}`);
  if (failing) words.push(`${failing.step}: ${failing.subject} [${failing.code}]`);
  return words.join('; ');
}

export function counted(count: number, word: string): string {
  return `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;
}
