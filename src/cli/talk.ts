import colours from 'picocolors';
import { visible } from '../lib/log.ts';

/** Talk goes to stderr, data to stdout; NO_COLOR, FORCE_COLOR and TERM=dumb are picocolors' to heed. */
export const paint = colours.createColors(colours.isColorSupported && process.stderr.isTTY === true);

/** For a command whose data are lines for people. */
export const ink = colours.createColors(colours.isColorSupported && process.stdout.isTTY === true);

/** Lines for people. What comes from names and machines is shown, never obeyed; our own colours are. */
export function say(...lines: string[]): void {
  for (const line of lines) process.stderr.write(`haulout: ${coloured(visible(line))}\n`);
}

function coloured(line: string): string {
  return paint.isColorSupported ? line.replace(/\\x1b(\[\d{1,2}m)/g, '\x1b$1') : line;
}

export function data(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** JSON with what others wrote in it: also what JSON leaves as it is, and a terminal or an eye obeys, is written as `\uXXXX`. */
export function printJson(value: unknown): void {
  process.stdout.write(`${harmlessJson(value)}\n`);
}

export function harmlessJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
