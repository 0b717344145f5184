import { Findings, type FindingsOf } from './findings.ts';
import type { Spec } from './spec.ts';

/** Rendered in memory, with limits against accidents. */
export const LARGEST_TEMPLATE = 1024 * 1024;

export function templateFindings(
  spec: Spec,
  entries: readonly { readonly path: string; readonly size: number }[],
): FindingsOf {
  const findings = new Findings();
  const large = new Set(entries.filter(({ size }) => size > LARGEST_TEMPLATE).map(({ path }) => path));
  for (const { kind, path, at } of spec.files) {
    if (kind !== 'template' || !large.has(`root${path}`)) continue;
    findings.mistake(at, 'the template is larger than 1 MiB', 'keep what is large in a file that is no template');
  }
  return findings;
}
