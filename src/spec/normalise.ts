import type { Known } from './known.ts';
import type { Report } from './report.ts';
import type { Entry, Section } from './scan.ts';
import { HAULOUT_KEYS, JOB_KEYS, REGISTER_KEYS, SERVICE_KEYS } from './schema.ts';
import type { FileSpec, JobSpec, PackageSpec, RegisterSpec, ServiceSpec, Spec } from './spec.ts';
import { readEntry, readKeys, type Values } from './values.ts';

type ServiceValues = Values<typeof SERVICE_KEYS>;

/** As written -> as meant. What cannot be meant is reported and left out, so that the rest is still checked. */
export function normalise(known: Known, report: Report): Spec {
  const haulout = readKeys(known.haulout ?? missingHaulout(report), HAULOUT_KEYS, report);
  return {
    version: 1,
    schedule: haulout.schedule,
    timezone: haulout.timezone,
    splayMs: haulout.splay,
    wakeMs: haulout.wake,
    upgrade: haulout.upgrade,
    lifecycleHook: haulout['lifecycle-hook'],
    packages: meant(known.packages?.entries, (entry) => readPackage(entry, report)),
    files: meant(known.files?.entries, (entry) => readFile(entry, report)),
    services: meant(known.services, ([id, section]) => readService(id, section, known.custom.get(id), report)),
    jobs: meant(known.jobs, ([id, section]) => readJob(id, section, haulout.timezone, report)),
    registrations: meant(known.registrations, ([id, section]) => readRegistration(id, section, report)),
  };
}

/** Reported once here: the empty section's `version` is then missing at the same place. */
function missingHaulout(report: Report): Section {
  return { name: 'haulout', at: report.place(1, 1), entries: [] };
}

function meant<T, M>(written: Iterable<T> | undefined, read: (item: T) => M | undefined): readonly M[] {
  return Array.from(written ?? [], read).filter((item) => item !== undefined);
}

function readPackage(entry: Entry, report: Report): PackageSpec | undefined {
  const want = entry.value === '' ? 'present' : readEntry('package', entry, report);
  return want && { name: entry.key, want, at: entry.at };
}

function readFile(entry: Entry, report: Report): FileSpec | undefined {
  const line = readEntry('file', entry, report);
  if (!line) return undefined;
  const { kind, mode, owner, target } = line;
  return { path: entry.key, kind, mode, owner, target, at: entry.at };
}

function readService(
  id: string,
  section: Section,
  custom: Section | undefined,
  report: Report,
): ServiceSpec | undefined {
  const values = readKeys(section, SERVICE_KEYS, report);
  const source = readSource(section, values, report);
  if (!source) return undefined;
  return {
    id,
    source,
    user: values.user,
    port: values.port,
    check: values.check,
    healthMs: values.health,
    timeoutMs: values.timeout,
    watch: values.watch ?? [],
    validate: values.validate,
    then: values.then,
    state: values.state,
    custom: Object.fromEntries((custom?.entries ?? []).map((entry) => [entry.key, entry.value ?? ''])),
    at: section.at,
  };
}

/**
 * | image   | unit    | verdict              |
 * | ------- | ------- | -------------------- |
 * | written | -       | an image             |
 * | -       | written | a unit of the system |
 * | written | written | refused              |
 * | -       | -       | refused              |
 */
function readSource(section: Section, values: ServiceValues, report: Report): ServiceSpec['source'] | undefined {
  const image = written(section, 'image');
  const unit = written(section, 'unit');
  if (image && unit) {
    const later = image.at.line > unit.at.line ? image : unit;
    report.mistake(later.at, 'a service has an image or a unit, not both', 'keep one of the two lines');
  }
  if (!image && !unit) {
    const instead = 'write `image = services/NAME`, or `unit = NAME` for a unit of the system';
    report.mistake(section.at, 'the service has neither an image nor a unit', instead);
  }
  if (values.image !== undefined) return { kind: 'image', path: values.image };
  return values.unit === undefined ? undefined : { kind: 'unit', unit: values.unit };
}

function written(section: Section, key: string): Entry | undefined {
  return section.entries.find((entry) => entry.key === key && entry.value !== '');
}

function readJob(id: string, section: Section, timezone: string, report: Report): JobSpec | undefined {
  const values = readKeys(section, JOB_KEYS, report);
  if (values.schedule === undefined || values.run === undefined) return undefined;
  return {
    id,
    schedule: values.schedule,
    timezone: values.timezone ?? timezone,
    run: values.run,
    user: values.user,
    timeoutMs: values.timeout,
    at: section.at,
  };
}

function readRegistration(id: string, section: Section, report: Report): RegisterSpec | undefined {
  const { up, down, user, timeout, renew, state } = readKeys(section, REGISTER_KEYS, report);
  if (up === undefined) return undefined;
  return { id, up, down, user, timeoutMs: timeout, renewMs: renew, state, at: section.at };
}
