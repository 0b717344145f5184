import { join } from 'node:path';
import type { ContentCache } from '../bucket/cache.ts';
import { imageArchive, imageDigest, imageEntries } from '../bucket/image.ts';
import type { Snapshot } from '../bucket/snapshot.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import type { Change, Step } from '../plan/step.ts';
import { type Account, accountOf } from '../services/accounts.ts';
import type { CfgContent } from '../services/cfg.ts';
import { runCommand } from '../services/hooks.ts';
import {
  checkPlace,
  type ImageFile,
  type ImagePlace,
  type ImageSource,
  type InstalledImage,
  installedImage,
  removeImage,
  switchImage,
  unpackImage,
} from '../services/image.ts';
import { activate, check, drain, isRunning, type Outcome, type ServiceTools, stop } from '../services/lifecycle.ts';
import type { ServiceSpec } from '../spec/spec.ts';
import { redactedTail } from '../status/redact.ts';

/** What went wrong with a service, and the end of what was printed: for the status, redacted there. */
export interface ServiceTrouble {
  readonly trouble: HauloutError;
  readonly output: string;
}

/** `notes`: words about what was mended, or went on all the same. */
export interface Done {
  readonly failure: ServiceTrouble | undefined;
  readonly notes: readonly string[];
}

/** One to be unpacked, and for whom. */
interface Image {
  readonly source: ImageSource;
  readonly digest: string;
  readonly owner: Account;
}

type Activation = Extract<Step, { do: 'activate-service' }>;

/** The agent's hands on services: each step of a plan handed to the services room. */
export class ServiceHands {
  readonly #tools: ServiceTools;
  readonly #place: ImagePlace;
  readonly #cache: ContentCache;
  readonly #role: string;

  constructor(parts: {
    readonly tools: ServiceTools;
    readonly place: ImagePlace;
    readonly cache: ContentCache;
    readonly role: string;
  }) {
    this.#tools = parts.tools;
    this.#place = parts.place;
    this.#cache = parts.cache;
    this.#role = parts.role;
  }

  installedImage(service: string): Promise<InstalledImage | undefined> {
    return installedImage(service, this.#place);
  }

  /** undefined: it has no check and no unit to ask. A check that cannot be run ends no round: what mends it comes with one. */
  async healthy(service: ServiceSpec): Promise<boolean | undefined> {
    if (service.state !== 'running') return await isRunning(this.#tools, service);
    const result = await check(this.#tools, this.#call(service)).catch((error: unknown) => {
      if (error instanceof HauloutError) return { ok: false } as const;
      throw error;
    });
    return result === 'nothing-to-check' ? undefined : result.ok;
  }

  /** Runs `validate` alone: nothing of the service has seen the new files yet. */
  async validate(service: ServiceSpec): Promise<ServiceTrouble | undefined> {
    if (service.validate === undefined) return undefined;
    const { id, timeoutMs, validate: line } = service;
    const ran = await runCommand(this.#tools.hooks, { kind: 'service', id, line, user: 'root', timeoutMs });
    return ran.ok ? undefined : { trouble: invalid(id, ran.timedOut), output: ran.output };
  }

  /** Every phase of the step but `validate`. */
  async activate(step: Activation, service: ServiceSpec, snapshot: Snapshot, identity: Identity): Promise<Done> {
    const tools = this.#tools;
    const phases = new Set(step.phases);
    const image = phases.has('swap-image') ? await this.#image(service, snapshot) : undefined;
    // Before the old one is stopped: an image that is refused stops nothing. The same one for another user comes in its place.
    const isBeside = (await this.installedImage(service.id))?.digest !== image?.digest;
    let notes = isBeside ? await this.#unpack(service.id, image) : [];
    if (phases.has('stop')) {
      const former = step.changed.find(({ subject }) => subject === 'owner')?.before ?? service.user;
      const stopped = await this.#stop({ ...service, user: former });
      notes = [...notes, ...stopped.notes];
      if (stopped.failure) return { ...stopped, notes };
    }
    if (!isBeside) notes = [...notes, ...(await this.#unpack(service.id, image))];
    if (image) await switchImage(service.id, image.digest, this.#place);
    const outcome = await activate(tools, {
      ...this.#call(service),
      cfg: this.#cfg(service, step.changed, identity),
      begin: phases.has('configure') || phases.has('reload') || phases.has('restart') ? 'configure' : 'start',
    });
    return { failure: troubleOf(outcome), notes };
  }

  async stop(service: ServiceSpec, remove: boolean): Promise<Done> {
    const stopped = await this.#stop(service);
    if (!stopped.failure && remove && service.source.kind === 'image') await removeImage(service.id, this.#place);
    return stopped;
  }

  /** A notice has come. Nothing of what goes wrong here holds anything up: it is told. */
  async drain(service: ServiceSpec, notice: CfgContent['notice'] & object, identity: Identity): Promise<Done> {
    const cfg = { ...this.#cfg(service, [], identity), notice };
    return { failure: troubleOf(await drain(this.#tools, { ...this.#call(service), cfg })), notes: [] };
  }

  async #stop(service: ServiceSpec): Promise<Done> {
    const outcome = await stop(this.#tools, this.#call(service));
    const unheeded = outcome.ok ? outcome.unheeded : undefined;
    const notes = unheeded ? [endedWithout(unheeded, Object.values(service.custom))] : [];
    return { failure: troubleOf(outcome), notes };
  }

  async #image({ id, source, user }: ServiceSpec, snapshot: Snapshot): Promise<Image | undefined> {
    if (source.kind !== 'image') return undefined;
    const owner = await accountOf(user, `service:${id}`);
    const digest = imageDigest(snapshot, source.path) ?? '';
    await checkPlace(id, digest, owner, this.#place);
    return { source: await this.#source(snapshot, source.path), digest, owner };
  }

  async #unpack(service: string, image: Image | undefined): Promise<readonly string[]> {
    return image ? await unpackImage(image.source, service, image.digest, image.owner, this.#place) : [];
  }

  async #source(snapshot: Snapshot, path: string): Promise<ImageSource> {
    const archive = imageArchive(snapshot, path);
    if (archive) return { kind: 'archive', name: path, path: await this.#cache.verified(archive.sha256, archive.size) };
    const files: ImageFile[] = [];
    for (const entry of imageEntries(snapshot, path)) {
      const content = await this.#cache.verified(entry.sha256, entry.size);
      files.push({ path: entry.path, mode: entry.mode, content });
    }
    return { kind: 'directory', files };
  }

  #call(service: ServiceSpec): { service: ServiceSpec; directory: string } {
    return { service, directory: join(this.#place.services, service.id) };
  }

  #cfg(service: ServiceSpec, changed: readonly Change[], identity: Identity): CfgContent {
    return {
      service: {
        serviceId: service.id,
        role: this.#role,
        instanceId: identity.instanceId,
        user: service.user,
        directory: join(this.#place.services, service.id),
        port: service.port,
        address: identity.localIpv4,
        publicAddress: identity.publicIpv4 === '' ? undefined : identity.publicIpv4,
        region: identity.region,
      },
      changed,
      custom: service.custom,
    };
  }
}

function troubleOf(outcome: Outcome): ServiceTrouble | undefined {
  return outcome.ok ? undefined : { trouble: outcome.trouble, output: outcome.output };
}

/** A stop that went wrong, in one line, with the last of what it printed. */
function endedWithout({ trouble, output }: ServiceTrouble, secrets: readonly string[]): string {
  const said = redactedTail(output, secrets).trimEnd().split('\n').at(-1);
  return `${trouble.subject}: ${trouble.reason}; the service was ended without it${said ? `. It said last: ${said}` : ''}`;
}

function invalid(id: string, timedOut: boolean): HauloutError {
  return new HauloutError({
    code: 'validate-failed',
    step: 'service',
    subject: `service:${id}`,
    reason: timedOut ? 'its `validate` did not end within its time limit' : 'its `validate` refused the new files',
    hint: 'they went back to what they were; read the end of its output in `haulout status`, mend them and upload again',
  });
}
