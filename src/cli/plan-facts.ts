import { join } from 'node:path';
import pLimit from 'p-limit';
import { registrationDigests } from '../apply/registrations.ts';
import { renderTemplate, templateValues } from '../apply/templates.ts';
import { readWatches } from '../apply/watches.ts';
import { imageDigest } from '../bucket/image.ts';
import { makeSnapshot, modeOf, type Snapshot } from '../bucket/snapshot.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { sha256, sha256File } from '../lib/digest.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Content, Facts, ServiceFact } from '../plan/facts.ts';
import { wantedFiles } from '../plan/wanted-files.ts';
import type { ServiceSpec, Spec } from '../spec/spec.ts';
import { type RoleDirectory, readStart } from './role-directory.ts';

/** What is known of the machine that a plan is for. */
export interface Machine {
  readonly identity: Identity;
  readonly facts: Facts;
  readonly ledger: Ledger | undefined;
}

const NOBODY: Identity = {
  instanceId: 'i-0123456789abcdef0',
  instanceType: 't3.micro',
  imageId: 'ami-0123456789abcdef0',
  accountId: '123456789012',
  region: 'us-east-1',
  availabilityZone: 'us-east-1a',
  localIpv4: '10.0.0.10',
  publicIpv4: '',
  hostname: 'ip-10-0-0-10.ec2.internal',
  tags: {},
};

/** A machine that has nothing of what any spec names. */
export const freshMachine: Machine = {
  identity: NOBODY,
  facts: {
    bootId: 'fresh',
    packages: {},
    files: {},
    users: {},
    groups: {},
    services: {},
    rendered: {},
    jobs: {},
    registrations: {},
    periods: {},
  },
  ledger: undefined,
};

/** A process may have a thousand files open, and a role a hundred times as many. */
const OPEN_AT_ONCE = 16;
const LARGEST_TEMPLATE = 1024 * 1024;

export async function snapshotOf(role: RoleDirectory): Promise<Snapshot> {
  const limit = pLimit(OPEN_AT_ONCE);
  const entries = role.listing.objects.map(async ({ key, size, etag }) => {
    return { path: key, size, etag, mode: modeOf(key), sha256: await limit(sha256File, join(role.path, key)) };
  });
  return makeSnapshot(await Promise.all(entries));
}

/** The machine's facts, as far as they are known, about what this spec and this snapshot name. */
export async function factsFor(role: RoleDirectory, spec: Spec, snapshot: Snapshot, machine: Machine): Promise<Facts> {
  const rendered = await renderAll(role, spec, machine.identity);
  const paths = wantedFiles(spec, snapshot, rendered).map(({ path }) => path);
  const services = spec.services.map(
    (service) => [service.id, serviceFact(service, snapshot, paths, machine)] as const,
  );
  return {
    ...machine.facts,
    rendered,
    services: Object.fromEntries(services),
    registrations: registrationDigests(spec, machine.identity, machine.facts.bootId),
    periods: {}, // what a machine says once more by its own clock is no difference
    jobs: Object.fromEntries(spec.jobs.map(({ at: _, ...job }) => [job.id, sha256(JSON.stringify(job))])),
  };
}

function serviceFact(
  service: ServiceSpec,
  snapshot: Snapshot,
  paths: readonly string[],
  machine: Machine,
): ServiceFact {
  const known = machine.facts.services[service.id];
  const { at: _, ...definition } = service;
  return {
    definition: sha256(JSON.stringify(definition)),
    image: service.source.kind === 'image' ? imageDigest(snapshot, service.source.path) : undefined,
    installed: known?.installed,
    healthy: known?.healthy,
    watched: known?.watched ?? {},
    watchedPaths: paths.filter(readWatches(service.watch).matches),
  };
}

async function renderAll(role: RoleDirectory, spec: Spec, identity: Identity): Promise<Record<string, Content>> {
  const rendered: Record<string, Content> = {};
  const values = templateValues(spec, identity, role.role);
  for (const { kind, path } of spec.files) {
    if (kind !== 'template') continue;
    const source = await readStart(join(role.path, 'root', path), LARGEST_TEMPLATE).catch(() => undefined);
    if (!source) continue;
    const bytes = Buffer.from(await renderTemplate(source.toString('utf8'), values, path));
    rendered[path] = { sha256: sha256(bytes), size: bytes.length };
  }
  return rendered;
}
