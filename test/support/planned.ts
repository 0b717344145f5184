/** Specs, snapshots and facts for tests of the planner: plain ones, and those that a test is about. */
import { makeSnapshot, modeOf, type Snapshot } from '../../src/bucket/snapshot.ts';
import { emptyLedger, type Ledger } from '../../src/ledger/ledger.ts';
import { sha256 } from '../../src/lib/digest.ts';
import type { Content, Facts, FileFact, ServiceFact } from '../../src/plan/facts.ts';
import type { PlanInput } from '../../src/plan/plan.ts';
import type { FileSpec, JobSpec, PackageSpec, Place, RegisterSpec, ServiceSpec, Spec } from '../../src/spec/spec.ts';

export const AT: Place = { file: 'haulout.ini', line: 1, column: 1 };
export const NOW = Date.UTC(2026, 10, 20, 12);

export function specOf(parts: Partial<Spec> = {}): Spec {
  const none = { packages: [], files: [], services: [], jobs: [], registrations: [] };
  return {
    version: 1,
    schedule: '*/5 * * * *',
    timezone: 'UTC',
    splayMs: 0,
    wakeMs: 0,
    upgrade: 'never',
    lifecycleHook: undefined,
    ...none,
    ...parts,
  };
}

export function packageSpec(name: string, want: PackageSpec['want']): PackageSpec {
  return { name, want, at: AT };
}

export function fileSpec(path: string, kind: FileSpec['kind'], more: Partial<FileSpec> = {}): FileSpec {
  return { path, kind, mode: undefined, owner: undefined, target: undefined, at: AT, ...more };
}

export function unitService(id: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    id,
    source: { kind: 'unit', unit: id },
    user: 'root',
    port: undefined,
    check: undefined,
    healthMs: 0,
    timeoutMs: 10_000,
    watch: [],
    validate: undefined,
    then: 'restart',
    state: 'running',
    custom: {},
    at: AT,
    ...more,
  };
}

export function imageService(id: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return unitService(id, { source: { kind: 'image', path: `services/${id}` }, ...more });
}

export function jobSpec(id: string, more: Partial<JobSpec> = {}): JobSpec {
  return { id, schedule: '* * * * *', timezone: 'UTC', run: 'true', user: 'root', timeoutMs: 10_000, at: AT, ...more };
}

export function registerSpec(id: string, more: Partial<RegisterSpec> = {}): RegisterSpec {
  const nobody = { user: 'nobody', timeoutMs: 10_000, renewMs: undefined, state: 'announced' as const };
  return { id, up: `up ${id}`, down: `down ${id}`, ...nobody, at: AT, ...more };
}

export function serviceFact(more: Partial<ServiceFact> = {}): ServiceFact {
  const nothing = { image: undefined, installed: undefined, healthy: true, watched: {}, watchedPaths: [] };
  return { definition: 'definition', ...nothing, ...more };
}

export function contentOf(text: string): Content {
  return { sha256: sha256(text), size: Buffer.byteLength(text) };
}

/** The fact of a file as it comes out of `root/`: 0644 root:root. */
export function fileFact(text: string, more: Partial<Extract<FileFact, { kind: 'file' }>> = {}): FileFact {
  return { kind: 'file', mode: 0o644, uid: 0, gid: 0, ...contentOf(text), ...more };
}

export function snapshotOf(files: Readonly<Record<string, string>> = {}): Snapshot {
  return makeSnapshot(
    Object.entries(files).map(([path, text]) => ({ path, ...contentOf(text), mode: modeOf(path), etag: `"${path}"` })),
  );
}

export function factsOf(parts: Partial<Facts> = {}): Facts {
  const nothing = { packages: {}, files: {}, services: {}, rendered: {}, jobs: {}, registrations: {}, periods: {} };
  return { bootId: 'boot-1', users: { root: 0, www: 33 }, groups: { root: 0, www: 33 }, ...nothing, ...parts };
}

export function inputOf(parts: Partial<PlanInput> = {}): PlanInput {
  const plain = { spec: specOf(), snapshot: snapshotOf(), facts: factsOf(), ledger: ledgerOf() };
  return { ...plain, now: NOW, ...parts };
}

export function ledgerOf(parts: Partial<Ledger> = {}): Ledger {
  return { ...emptyLedger('i-1'), ...parts };
}
