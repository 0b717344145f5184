import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { generatedPart, top, withGeneratedPart } from './pages.ts';

/** What stands between the marks of a page is what this makes; UPDATE=1 writes it there. */
export function holds(path: string, part: string, from = ''): void {
  const file = join(top, path);
  const text = readFileSync(file, 'utf8');
  if (process.env['UPDATE'] === '1') writeFileSync(file, withGeneratedPart(text, part, from));
  expect(generatedPart(readFileSync(file, 'utf8'), from)).toBe(part);
}
