import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from 'node:fs';

const STDERR = 2;

export function say(line: string): void {
  write(STDERR, line);
}

/** Standard error, and the console too: of an instance that cannot be logged in to, its console output is all there is. */
export function cry(line: string, root: string): void {
  say(line);
  const path = `${root}/dev/console`;
  try {
    const console = statSync(path);
    if (!console.isCharacterDevice() || console.rdev === fstatSync(STDERR).rdev) return;
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
    write(descriptor, line);
    closeSync(descriptor);
  } catch {
    // No console, or one that nobody may write to: the line is on standard error.
  }
}

function write(descriptor: number, line: string): void {
  try {
    writeSync(descriptor, `haulout: ${line}\n`);
  } catch {
    // Closed, or full and not blocking. What is to be done does not depend on it.
  }
}
