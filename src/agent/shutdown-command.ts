import { systemClock } from '../lib/clock.ts';
import { parseDuration } from '../lib/duration.ts';
import { EXIT } from '../lib/exit.ts';
import type { Paths } from './paths.ts';
import { askAgent, goodbyeRequest } from './requests.ts';
import { oneGoodbye } from './run.ts';
import { notRoot, print, say } from './words.ts';

/** What systemd gives a unit to stop (DefaultTimeoutStopSec). */
const WITHIN = '90s';
const LONGEST_MS = 3_600_000;
/** For the agent to hear of it, and for the answer. */
const MARGIN_MS = 15_000;

/** `haulout shutdown`: 0 said, 75 not said in time. */
export async function shutdown(paths: Paths, words: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0) return notRoot();
  const withinMs = parseDuration(flag(words, '--within', WITHIN));
  if (flag(words, '--kind', 'shutdown') !== 'shutdown' || !withinMs || withinMs > LONGEST_MS) {
    say('usage: haulout shutdown [--kind shutdown] [--within DURATION, at most 1h] [--json]');
    return EXIT.usage;
  }
  const limit = withinMs + MARGIN_MS;
  const alone = () => oneGoodbye(paths, withinMs);
  const ask = () => askAgent(paths.run, systemClock, goodbyeRequest(withinMs), limit, alone);
  const heard = new AbortController();
  const late = systemClock.sleep(limit, heard.signal).catch(() => undefined);
  const status = await Promise.race([alone().then((done) => done ?? ask()), late]);
  heard.abort();
  if (status) print(status, words);
  if (status?.lease?.state === 'ended') return EXIT.done;
  say('the goodbye was not said in time. next: haulout logs');
  return EXIT.tryAgain;
}

function flag(words: readonly string[], name: string, otherwise: string): string {
  const at = words.indexOf(name);
  return at < 0 ? otherwise : (words[at + 1] ?? '');
}
