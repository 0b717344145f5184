import { NOTICEABLE_MS, type Wait } from '../lib/waits.ts';

const MOST = 20;
const LONGEST_TEXT = 1_000;

/**
 * What the script in user-data waited for, as it hands it over: `[["metadata: meta-data/instance-id", "connect ECONNREFUSED
 * 169.254.169.254:80", 61000]]`. It has no room for reason codes; they are read out of its words. Anything else is nothing.
 */
export function launchWaits(text: string | undefined): Wait[] {
  const rows = parse(text).filter(isRow).slice(0, MOST);
  return rows
    .filter(([, , ms]) => ms >= NOTICEABLE_MS)
    .map(([what, word, ms]) => {
      const at = what.indexOf(': ');
      const since = new Date(Date.now() - ms).toISOString();
      return { step: what.slice(0, at), subject: what.slice(at + 2), code: codeIn(word), since, ms, over: true };
    });
}

function codeIn(word: string): string {
  const system = /\b(E[A-Z_]{3,40}|CERT_[A-Z_]{3,40})\b/.exec(word)?.[1];
  const answer = /answers (\d{3})(?: (\w{1,64}))?$/.exec(word);
  return system ?? (answer ? (answer[2] ? `s3-${answer[2]}` : `http-${answer[1]}`) : 'not-yet');
}

function parse(text: string | undefined): unknown[] {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isRow(row: unknown): row is [string, string, number] {
  if (!Array.isArray(row)) return false;
  const [what, word, ms] = row as unknown[];
  const texts = [what, word].every((text) => typeof text === 'string' && text.length <= LONGEST_TEXT);
  return texts && /^[a-z]+: ./.test(what as string) && Number.isSafeInteger(ms);
}
