import { visibleName } from '../lib/log.ts';

interface Takes {
  readonly flags?: readonly string[];
  /** Flags with a word behind them. */
  readonly valued?: readonly string[];
  /** How many words that are no flags. */
  readonly names?: number;
}

/** What people may write behind a command; the launcher's and the system's own are not theirs to call. */
const TAKES: Readonly<Record<string, Takes>> = {
  status: { flags: ['--json'] },
  sync: { flags: ['--json'] },
  logs: { flags: ['--json'], valued: ['-n'], names: 1 },
  service: { flags: ['--json'], names: 1 },
  shutdown: { flags: ['--json'], valued: ['--within', '--kind'] },
  version: {},
};

export function asksForHelp(words: readonly string[]): boolean {
  return words.some((word) => word === '--help' || word === '-h');
}

/** The first word that a command does not take: it must not be carried out as if that were not there. */
export function strangeWord(command: string, words: readonly string[]): string | undefined {
  const takes = TAKES[command];
  if (!takes) return undefined;
  const { flags = [], valued = [], names = 0 } = takes;
  let named = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (valued.includes(word)) at++;
    else if (flags.includes(word)) continue;
    else if (word.startsWith('-') || ++named > names) return visibleName(word);
  }
  return undefined;
}
