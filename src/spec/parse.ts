import { recognise, unknownKey } from './known.ts';
import { normalise } from './normalise.ts';
import { Report } from './report.ts';
import { check } from './rules.ts';
import { type Entry, type Section, scan, type Written } from './scan.ts';
import { OVERRIDE_KEYS } from './schema.ts';
import type { Mistake, Override, Spec } from './spec.ts';
import { readText } from './text.ts';
import { readKeys } from './values.ts';

export type ParsedSpec =
  | { readonly ok: true; readonly spec: Spec; readonly warnings: readonly Mistake[] }
  | { readonly ok: false; readonly mistakes: readonly Mistake[]; readonly warnings: readonly Mistake[] };

export type ParsedOverride =
  | { readonly ok: true; readonly override: Override; readonly warnings: readonly Mistake[] }
  | { readonly ok: false; readonly mistakes: readonly Mistake[]; readonly warnings: readonly Mistake[] };

/** `haulout.ini` -> the desired state, or every mistake in it. Never throws, whatever the input. */
export function parseSpec(text: string | Uint8Array, file = 'haulout.ini'): ParsedSpec {
  const report = new Report(file);
  const written = parse(text, report);
  const foreign = written && foreignVersion(written);
  if (!written) return refused(report);
  if (foreign) return otherVersion(foreign, file);

  const known = recognise(written, report);
  const spec = normalise(known, report);
  check({ spec, known, report });
  return report.mistakes.length > 0 ? refused(report) : { ok: true, spec, warnings: report.warnings };
}

/** The administrator's /etc/haulout/haulout.ini: `[haulout]` alone, and only the keys the table allows there, as far as they are written. */
export function parseOverride(text: string | Uint8Array, file = '/etc/haulout/haulout.ini'): ParsedOverride {
  const report = new Report(file);
  const written = parse(text, report);
  const override = written && readOverride(written, report);
  if (!override || report.mistakes.length > 0) return refused(report);
  return { ok: true, override, warnings: report.warnings };
}

function parse(input: string | Uint8Array, report: Report): Written | undefined {
  const text = readText(input, report);
  return text === undefined ? undefined : scan(text, report);
}

function refused(report: Report) {
  return { ok: false, mistakes: report.mistakes, warnings: report.warnings } as const;
}

/** The rules of another version are not known here: none of this one's mistakes would be true. */
function foreignVersion(written: Written): Entry | undefined {
  const haulout = written.sections.find((section) => section.name === 'haulout');
  return haulout?.entries.find(({ key, value }) => key === 'version' && /^(?!1$)\d{1,9}$/.test(value ?? ''));
}

function otherVersion(entry: Entry, file: string): ParsedSpec {
  const report = new Report(file);
  const what = 'the file is of a version that this haulout cannot read';
  report.mistake(entry.valueAt, what, 'write `version = 1`, or update haulout');
  return refused(report);
}

function readOverride(written: Written, report: Report): Override {
  let override: Override = {};
  for (const section of written.sections) {
    if (section.name === 'haulout') override = overrideOf(section, report);
    else report.mistake(section.at, 'only [haulout] can stand in this file', 'write the rest into the bucket');
  }
  return override;
}

function overrideOf(section: Section, report: Report): Override {
  const keys = Object.keys(OVERRIDE_KEYS);
  for (const entry of section.entries)
    if (!keys.includes(entry.key)) unknownKey(entry, '[haulout] of this file', keys, report);
  const { schedule, timezone, splay, wake, upgrade } = readKeys(section, OVERRIDE_KEYS, report);
  const isWritten = (key: string) => section.entries.some((entry) => entry.key === key && entry.value !== '');
  return {
    ...(isWritten('schedule') ? { schedule } : {}),
    ...(isWritten('timezone') ? { timezone } : {}),
    ...(isWritten('splay') ? { splayMs: splay } : {}),
    ...(isWritten('wake') ? { wakeMs: wake } : {}),
    ...(isWritten('upgrade') ? { upgrade } : {}),
  };
}
