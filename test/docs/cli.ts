import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { top } from './pages.ts';
import { type Flags, flagsOf } from './shell.ts';

const run = promisify(execFile);

export const DESK = join(top, 'dist/cli.mjs');
const AGENT = join(top, 'dist/agent.mjs');

export interface Help {
  /** Of the program itself, then of each command, in its own order. */
  readonly texts: ReadonlyMap<string, string>;
  readonly flags: ReadonlyMap<string, Flags>;
  /** Of the agent's own command. */
  readonly onInstance: readonly string[];
}

/** What the built programs say of themselves. */
export async function readHelp(): Promise<Help> {
  const env = { ...process.env, NO_COLOR: '1', COLUMNS: '80' };
  const help = async (...words: string[]) =>
    (await run(process.execPath, [DESK, ...words, '--help'], { env })).stdout.trimEnd();
  const own = await help();
  const listed = own.slice(own.indexOf('Commands:'), own.indexOf('Examples:'));
  const names = [...listed.matchAll(/^ {2}([a-z]+) /gm)]
    .map(([, name]) => name ?? '')
    .filter((name) => name !== 'help');
  const texts = await Promise.all(names.map(async (name) => [name, await help(name)] as const));
  const agent = (await run(process.execPath, [AGENT, 'help'], { env })).stdout;
  return {
    texts: new Map([['', own], ...texts]),
    flags: new Map(texts.map(([name, text]) => [name, flagsOf(text)])),
    onInstance: [...agent.matchAll(/^ {2}haulout ([a-z]+)/gm)].map(([, name]) => name ?? ''),
  };
}
