import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { sha256 } from '../../lib/digest.ts';

/**
 * The agent this machine has: the one `current` names, else the one the settings pin, if its bytes are what its name
 * says. The pin trusts the first agent only: a newer one that was verified since is never replaced by this script.
 */
export function presentAgent(directory: string, pinned: string): string | undefined {
  return [target(directory), `${pinned}.mjs`].find((name) => holds(`${directory}/${name}`, name));
}

/** A file that is torn, a link or not there is no agent. */
function holds(path: string, name: string): boolean {
  try {
    return lstatSync(path).isFile() && `${sha256(readFileSync(path))}.mjs` === name;
  } catch {
    return false;
  }
}

function target(directory: string): string {
  try {
    return readlinkSync(`${directory}/current`);
  } catch {
    return '';
  }
}

/** Puts verified bytes where the agent lives: synced, and whole under their name or not there. */
export function keepAgent(directory: string, bytes: Uint8Array): string {
  const name = `${sha256(bytes)}.mjs`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const beside = temporary(directory);
  const file = openSync(beside, 'wx', 0o600);
  writeFileSync(file, bytes);
  fsyncSync(file);
  closeSync(file);
  renameSync(beside, `${directory}/${name}`);
  return name;
}

export function makeCurrent(directory: string, name: string): void {
  if (target(directory) !== name) {
    const beside = temporary(directory);
    symlinkSync(name, beside);
    renameSync(beside, `${directory}/current`);
  }
  const handle = openSync(directory, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

/** The prefix is the one of `lib/durable`: the agent sweeps what a power cut left. */
const temporary = (directory: string) => `${directory}/.haulout-tmp-${randomBytes(6).toString('hex')}`;
