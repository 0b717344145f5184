import { parseSpec } from '../../src/spec/parse.ts';
import type { Mistake } from '../../src/spec/spec.ts';

/** `3:1 what | instead`: what a test says literally about a finding. */
export function told(findings: readonly Mistake[]): string[] {
  return findings.map(({ at, what, instead }) => `${at.line}:${at.column} ${what} | ${instead}`);
}

export function mistakesOf(text: string | Uint8Array): string[] {
  const parsed = parseSpec(text);
  return parsed.ok ? [] : told(parsed.mistakes);
}

export function warningsOf(text: string): string[] {
  return told(parseSpec(text).warnings);
}

/** Lines under a good `[haulout]`; they begin in line 3. */
export function underHaulout(...lines: string[]): string {
  return `${['[haulout]', 'version = 1', ...lines].join('\n')}\n`;
}
