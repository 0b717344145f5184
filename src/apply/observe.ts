import type { ContentCache } from '../bucket/cache.ts';
import { imageDigest } from '../bucket/image.ts';
import type { Snapshot } from '../bucket/snapshot.ts';
import { sha256 } from '../lib/digest.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Content, Facts, FileFact, PackageFact, ServiceFact } from '../plan/facts.ts';
import { wantedFiles } from '../plan/wanted-files.ts';
import { LARGEST_TEMPLATE } from '../spec/content-templates.ts';
import type { ServiceSpec, Spec } from '../spec/spec.ts';
import { readAccounts } from './accounts.ts';
import type { FileObserver } from './digests.ts';
import type { PackageManager } from './packages/manager.ts';
import { registrationDigests, renewalPeriods } from './registrations.ts';
import { renderTemplate, templateValues } from './templates.ts';
import { lookAtWatched, readWatches } from './watches.ts';

/** Everything that looking needs: eyes only, nothing here changes the machine. */
export interface Eyes {
  /** Prefix of every path; empty on an instance. */
  readonly root: string;
  readonly cache: ContentCache;
  readonly files: FileObserver;
  readonly packages: PackageManager;
  readonly bootId: string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Is the service well? undefined: nothing says so. */
  readonly healthy: (service: ServiceSpec) => Promise<boolean | undefined>;
  /** Digest and owner of the image that is installed for a service. */
  readonly installedImage: (service: string) => Promise<{ readonly digest: string; readonly uid: number } | undefined>;
}

/** Looks at the machine with the eyes of one spec: nothing that the spec does not name is looked at. */
export async function observe(
  eyes: Eyes,
  spec: Spec,
  snapshot: Snapshot,
  identity: Identity,
  role: string,
): Promise<Facts> {
  const rendered = await renderAll(eyes, spec, snapshot, identity, role);
  const wanted = wantedFiles(spec, snapshot, rendered);
  const files: Record<string, FileFact> = {};
  for (const { path } of wanted) files[path] = await eyes.files.look(path);
  const packages = await lookAtPackages(eyes, spec);
  const accounts = await readAccounts(eyes.root);
  const owners = wanted.flatMap((file) => (file.kind === 'file' || file.kind === 'directory' ? [file.owner] : []));
  const services: Record<string, ServiceFact> = {};
  for (const service of spec.services) {
    services[service.id] = await lookAtService(
      eyes,
      service,
      snapshot,
      packages,
      wanted.map(({ path }) => path),
      accounts.users.get(service.user)?.uid,
    );
  }
  return {
    bootId: eyes.bootId,
    packages,
    files,
    users: pick(
      owners.map(({ user }) => user),
      (name) => accounts.users.get(name)?.uid,
    ),
    groups: pick(
      owners.map(({ group }) => group),
      (name) => accounts.groups.get(name),
    ),
    services,
    rendered,
    jobs: Object.fromEntries(spec.jobs.map(({ at: _, ...job }) => [job.id, sha256(JSON.stringify(job))])),
    registrations: registrationDigests(spec, identity, eyes.bootId),
    periods: renewalPeriods(spec, identity.instanceId, eyes.now()),
  };
}

function pick<T>(names: readonly string[], value: (name: string) => T): Record<string, T> {
  return Object.fromEntries([...new Set(names)].map((name) => [name, value(name)]));
}

async function lookAtPackages(eyes: Eyes, spec: Spec): Promise<Record<string, PackageFact>> {
  const watched = spec.services.flatMap(({ watch }) => readWatches(watch).packages);
  const names = [...new Set([...spec.packages.map(({ name }) => name), ...watched])];
  if (names.length === 0) return {};
  const installed = await eyes.packages.installed(names);
  const latest = spec.packages.filter(({ want }) => want === 'latest').map(({ name }) => name);
  const candidates = await eyes.packages.candidates(latest);
  return Object.fromEntries(
    names.map((name) => {
      const [newest, ...others] = installed[name] ?? [];
      return [name, { installed: newest, ...(others.length > 0 ? { others } : {}), candidate: candidates[name] }];
    }),
  );
}

async function lookAtService(
  eyes: Eyes,
  service: ServiceSpec,
  snapshot: Snapshot,
  packages: Readonly<Record<string, PackageFact>>,
  paths: readonly string[],
  uid: number | undefined,
): Promise<ServiceFact> {
  const installed = service.source.kind === 'image' ? await eyes.installedImage(service.id) : undefined;
  const watches = readWatches(service.watch);
  const watched = await lookAtWatched(watches, eyes.files);
  for (const name of watches.packages) {
    const { installed, others = [] } = packages[name] ?? {};
    watched[`package:${name}`] = [installed ?? [], ...others].join(' ');
  }
  const { at: _, ...definition } = service;
  return {
    definition: sha256(JSON.stringify(definition)),
    image: service.source.kind === 'image' ? imageDigest(snapshot, service.source.path) : undefined,
    installed: installed?.digest,
    foreign: installed !== undefined && Boolean(uid) && installed.uid !== uid,
    healthy: await eyes.healthy(service),
    watched,
    watchedPaths: paths.filter(watches.matches),
  };
}

/** What a service is activated with, looked at again after it was: the ledger keeps these, not what was planned. */
export async function inputsNow(eyes: Eyes, service: ServiceSpec): Promise<Record<string, string>> {
  const watches = readWatches(service.watch);
  const watched = await lookAtWatched(watches, eyes.files);
  const installed = watches.packages.length > 0 ? await eyes.packages.installed(watches.packages) : {};
  for (const name of watches.packages) watched[`package:${name}`] = (installed[name] ?? []).join(' ');
  return watched;
}

async function renderAll(
  eyes: Eyes,
  spec: Spec,
  snapshot: Snapshot,
  identity: Identity,
  role: string,
): Promise<Record<string, Content>> {
  const rendered: Record<string, Content> = {};
  const values = templateValues(spec, identity, role);
  for (const { kind, path } of spec.files) {
    const entry = kind === 'template' && snapshot.entries.find((candidate) => candidate.path === `root${path}`);
    if (!entry) continue;
    const source = await eyes.cache.bytes(entry.sha256, LARGEST_TEMPLATE);
    const bytes = Buffer.from(await renderTemplate(source.toString('utf8'), values, path));
    rendered[path] = { sha256: await eyes.cache.keep(bytes), size: bytes.length };
  }
  return rendered;
}
