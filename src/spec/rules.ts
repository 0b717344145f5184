import { hasOverlongStep } from './cron.ts';
import type { Known } from './known.ts';
import type { Report } from './report.ts';
import { fileRules } from './rules-files.ts';
import type { Entry, Section } from './scan.ts';
import type { Place, ServiceSpec, Spec } from './spec.ts';

/** What a rule looks at: the spec as meant, and what was written for the places. */
export interface Checked {
  readonly spec: Spec;
  readonly known: Known;
  readonly report: Report;
}

export type Rule = (checked: Checked) => void;

/** Each looks at more than one key; what one value may be is said by its type. */
const RULES: readonly Rule[] = [
  customHasItsService,
  thenIsForUnits,
  unitIsNamedOnce,
  portIsUsedOnce,
  validateNeedsWatch,
  watchedPackagesAreNamed,
  hostStepsFit,
  jobStepsFit,
  hostZoneIsUtc,
  jobZonesAreUtc,
  ...fileRules,
];

export function check(checked: Checked): void {
  for (const rule of RULES) rule(checked);
}

function customHasItsService({ known, report }: Checked): void {
  for (const [id, section] of known.custom) {
    if (known.services.has(id)) continue;
    const what = `there is no [service.${id}] that this belongs to`;
    report.mistake(section.at, what, `write \`[service.${id}]\` above it, or correct the name`);
  }
}

function thenIsForUnits({ known, report }: Checked): void {
  for (const section of known.services.values()) {
    const then = entryOf(section, 'then');
    if (!then || !entryOf(section, 'image') || entryOf(section, 'unit')) continue;
    report.mistake(then.at, '`then` is only for a unit', 'remove it: an image is always configured and started');
  }
}

function unitIsNamedOnce({ spec, known, report }: Checked): void {
  const first = new Map<string, ServiceSpec>();
  for (const service of spec.services) {
    if (service.source.kind !== 'unit') continue;
    const name = service.source.unit.replace(/\.service$/, '');
    const earlier = first.get(name);
    if (!earlier) first.set(name, service);
    else {
      const what = `this unit is already that of [service.${earlier.id}]`;
      report.mistake(valuePlace(known, service, 'unit'), what, 'write one section for it');
    }
  }
}

function portIsUsedOnce({ spec, known, report }: Checked): void {
  const first = new Map<number, ServiceSpec>();
  for (const service of spec.services) {
    if (service.port === undefined || service.state !== 'running') continue;
    const earlier = first.get(service.port);
    if (!earlier) first.set(service.port, service);
    else {
      const what = `[service.${earlier.id}] has the same port`;
      report.warn(valuePlace(known, service, 'port'), what, 'give one of them another port');
    }
  }
}

function validateNeedsWatch({ spec, known, report }: Checked): void {
  for (const service of spec.services) {
    if (service.validate === undefined || service.source.kind === 'image' || service.watch.length > 0) continue;
    const what = '`validate` never runs: this service watches nothing';
    report.warn(valuePlace(known, service, 'validate'), what, 'write `watch = ` and the paths of its configuration');
  }
}

function watchedPackagesAreNamed({ spec, known, report }: Checked): void {
  const named = new Set(spec.packages.map(({ name }) => name));
  for (const service of spec.services) {
    const missing = service.watch.some((item) => item.startsWith('package:') && !named.has(item.slice(8)));
    if (!missing) continue;
    const what = 'a watched package is not in [packages]';
    report.warn(valuePlace(known, service, 'watch'), what, 'name it there too, or correct its name here');
  }
}

function hostStepsFit({ spec, known, report }: Checked): void {
  const entry = known.haulout && entryOf(known.haulout, 'schedule');
  if (entry) warnSteps(spec.schedule, entry.valueAt, report);
}

function jobStepsFit({ spec, known, report }: Checked): void {
  for (const job of spec.jobs) {
    const section = known.jobs.get(job.id);
    const entry = section && entryOf(section, 'schedule');
    if (entry) warnSteps(job.schedule, entry.valueAt, report);
  }
}

function warnSteps(schedule: string, at: Place, report: Report): void {
  if (!hasOverlongStep(schedule)) return;
  const what = 'a step of the schedule is longer than its field, and comes to its first value alone';
  report.warn(at, what, 'write the values themselves, such as `0 */2 * * *` for every two hours');
}

function hostZoneIsUtc({ spec, known, report }: Checked): void {
  const entry = known.haulout && entryOf(known.haulout, 'timezone');
  if (entry) warnZone(spec.timezone, entry.valueAt, report);
}

function jobZonesAreUtc({ spec, known, report }: Checked): void {
  for (const job of spec.jobs) {
    const section = known.jobs.get(job.id);
    const entry = section && entryOf(section, 'timezone');
    if (entry) warnZone(job.timezone, entry.valueAt, report);
  }
}

function warnZone(timezone: string, at: Place, report: Report): void {
  if (timezone === 'UTC' || new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions().timeZone === 'UTC')
    return;
  const what = 'when the clocks change in this time zone, runs are left out';
  report.warn(at, what, 'write `timezone = UTC`, and the hours of UTC in the schedule');
}

function entryOf(section: Section, key: string): Entry | undefined {
  return section.entries.find((entry) => entry.key === key && entry.value !== '');
}

function valuePlace(known: Known, service: ServiceSpec, key: string): Place {
  const section = known.services.get(service.id);
  return (section && entryOf(section, key)?.valueAt) ?? service.at;
}
