import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import { EXIT } from '../lib/exit.ts';
import { visible } from '../lib/log.ts';
import { isThere, SYSTEMD_RUNS } from '../lib/present.ts';
import type { Status } from '../status/status.ts';
import type { Paths } from './paths.ts';
import { askAgent, syncRequest } from './requests.ts';
import { oneRound } from './run.ts';
import { readStatus } from './status-file.ts';
import { notRoot, print, say } from './words.ts';

const SYNC_LIMIT_MS = 90 * 60_000;
const TAIL_BYTES = 512 * 1024;
const EXIT_BY_HEALTH: Readonly<Record<string, number>> = {
  healthy: EXIT.done,
  degraded: EXIT.differences,
  converging: EXIT.tryAgain,
};
const JOURNAL_LIMIT_MS = 60_000;
const NOTHING_SAID =
  'the agent has said nothing here. next: read what the script in user-data said, on the console or in /var/log/cloud-init-output.log';

/** `haulout status`: 0 as the bucket wants it, 2 not quite, 1 never came up, 69 no agent has run here, 75 the first round has not ended. */
export async function status(paths: Paths, words: readonly string[]): Promise<number> {
  const found = await readStatus(paths.state);
  if (!found) {
    if (process.getuid?.() !== 0) return notRoot();
    // A first round may take minutes: packages are upgraded in it.
    const begun = existsSync(join(paths.run, 'requests'));
    say(
      begun
        ? 'the first round has not ended yet. next: haulout logs'
        : 'no agent has run on this machine. next: haulout logs',
    );
    return begun ? EXIT.tryAgain : EXIT.unavailable;
  }
  print(found, words);
  return exitOf(found);
}

export async function sync(paths: Paths, words: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0) return notRoot();
  const alone = () => oneRound(paths);
  const result = (await alone()) ?? (await askAgent(paths.run, systemClock, syncRequest(), SYNC_LIMIT_MS, alone));
  if (!result) {
    say('the agent did not answer. next: haulout logs');
    return EXIT.unavailable;
  }
  print(result, words);
  return exitOf(result);
}

export async function logs(paths: Paths, words: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0) return notRoot();
  const at = words.indexOf('-n');
  const count = at >= 0 ? Number(words[at + 1]) : 40;
  const json = words.includes('--json');
  const name = words.find((word, index) => !word.startsWith('-') && (at < 0 || index !== at + 1));
  if (!Number.isSafeInteger(count) || count < 1 || (name !== undefined && !/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name))) {
    say('usage: haulout logs [-n LINES] [--json] [SERVICE]');
    return EXIT.usage;
  }
  const file = json ? 'events.jsonl' : name === undefined ? 'agent.log' : join('services', `${name}.log`);
  const isInJournal = file === 'agent.log' && (await isThere(SYSTEMD_RUNS));
  const text = isInJournal ? await journal(count) : await tail(join(paths.log, file));
  if (text === undefined) {
    say(name === undefined ? NOTHING_SAID : `${name} has said nothing here`);
    return EXIT.unavailable;
  }
  process.stdout.write(`${text.trimEnd().split('\n').slice(-count).join('\n')}\n`);
  return EXIT.done;
}

export async function service(paths: Paths, words: readonly string[]): Promise<number> {
  const found = await readStatus(paths.state);
  if (!found) return await status(paths, words);
  const name = words.find((word) => !word.startsWith('-'));
  const services = found.services.filter(({ id }) => name === undefined || id === name);
  if (name !== undefined && services.length === 0) {
    say(`no service ${visible(name)} here; there are: ${found.services.map(({ id }) => id).join(' ')}`);
    return EXIT.usage;
  }
  if (words.includes('--json')) process.stdout.write(`${JSON.stringify({ schema: 1, services })}\n`);
  else
    for (const { id, state, port } of services)
      process.stdout.write(`${id.padEnd(20)} ${state.padEnd(10)} ${port ?? ''}\n`);
  return services.every(({ state }) => state !== 'unhealthy') ? EXIT.done : EXIT.differences;
}

function exitOf({ health }: Status): number {
  return EXIT_BY_HEALTH[health] ?? EXIT.failed;
}

/** systemd takes what the agent says. undefined: it has nothing of it, or cannot be asked. */
async function journal(count: number): Promise<string | undefined> {
  const words = ['--unit=haulout', `--lines=${count}`, '--output=short-iso', '--no-pager', '--quiet'];
  const options = { timeoutMs: JOURNAL_LIMIT_MS, env: SYSTEM_ENVIRONMENT, keepBytes: TAIL_BYTES };
  const asked = await run(['journalctl', ...words], options).catch(() => undefined);
  return asked?.code === 0 && asked.stdout !== '' ? asked.stdout : undefined;
}

async function tail(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8');
  } finally {
    await file.close();
  }
}
