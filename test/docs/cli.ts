import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { top } from './pages.ts';
import { type Flags, flagsOf } from './shell.ts';

const run = promisify(execFile);

export const DESK = join(top, 'dist/cli.mjs');
const AGENT = join(top, 'dist/agent.mjs');

export interface Help {
  /** Of the program itself, then of each command (`fleet`, `fleet watch`), in its own order. */
  readonly texts: ReadonlyMap<string, string>;
  readonly flags: ReadonlyMap<string, Flags>;
  /** Of the agent's own command. */
  readonly onInstance: readonly string[];
}

/** The commands that a help lists, but `help` itself. */
function commandsIn(text: string): string[] {
  const listed = text.includes('\nCommands:')
    ? text.slice(text.indexOf('\nCommands:'), text.indexOf('\nExamples:'))
    : '';
  return [...listed.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? '').filter((name) => name !== 'help');
}

/** What the built programs say of themselves. */
export async function readHelp(): Promise<Help> {
  const env = { ...process.env, NO_COLOR: '1', COLUMNS: '80' };
  const help = async (...words: string[]) =>
    (await run(process.execPath, [DESK, ...words, '--help'], { env })).stdout.trimEnd();
  const own = await help();
  const withTheirs = async (name: string): Promise<(readonly [string, string])[]> => {
    const text = await help(...name.split(' '));
    const theirs = await Promise.all(commandsIn(text).map((word) => withTheirs(`${name} ${word}`)));
    return [[name, text], ...theirs.flat()];
  };
  const texts = (await Promise.all(commandsIn(own).map(withTheirs))).flat();
  const agent = (await run(process.execPath, [AGENT, 'help'], { env })).stdout;
  return {
    texts: new Map([['', own], ...texts]),
    flags: new Map(texts.map(([name, text]) => [name, flagsOf(text)])),
    onInstance: [...agent.matchAll(/^ {2}haulout ([a-z]+)/gm)].map(([, name]) => name ?? ''),
  };
}
