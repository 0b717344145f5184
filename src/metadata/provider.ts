import type { ReadMetadata } from '../aws/imds.ts';
import type { Credentials } from '../aws/sigv4.ts';
import { INSTANCE_ID } from './shapes.ts';

/** Which machine this is. Every value was checked by its shape: metadata is input, never a path or shell text. */
export interface Identity {
  /** `i-0123456789abcdef0`, or the UUID that OpenStack gives. */
  readonly instanceId: string;
  /** Of this and what follows up to `hostname`, empty is what the cloud does not tell. */
  readonly instanceType: string;
  readonly imageId: string;
  readonly accountId: string;
  readonly region: string;
  readonly availabilityZone: string;
  readonly localIpv4: string;
  readonly publicIpv4: string;
  readonly hostname: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** For what was kept on disk: every field there, and of its type. */
export function isIdentity(value: unknown): value is Identity {
  if (typeof value !== 'object' || value === null) return false;
  const { tags, ...words } = value as Record<string, unknown>;
  const names = ['instanceId', 'instanceType', 'imageId', 'accountId', 'region', 'availabilityZone', 'localIpv4'];
  const complete = [...names, 'publicIpv4', 'hostname'].every((name) => typeof words[name] === 'string');
  if (!complete || typeof tags !== 'object' || tags === null) return false;
  return INSTANCE_ID.test(String(words['instanceId'])) && Object.values(tags).every((tag) => typeof tag === 'string');
}

/**
 * A cloud's way to say who an instance is. To add one: a file here, a line in `choose.ts`, the contract suite in
 * test/metadata.
 */
export interface MetadataProvider {
  readonly name: string;
  /** Its service may announce the end of the instance (notices.ts). */
  readonly announces?: true;
  /**
   * Who this machine is, or undefined where this is not the cloud that is known here. It throws on half an answer: a machine
   * is not taken for another because a value was wrong.
   */
  look(read: ReadMetadata): Promise<Identity | undefined>;
  /** Of the instance's role; undefined where it has none. Kept until shortly before they expire; `fresh` asks anew. */
  credentials(fresh: boolean): Promise<Credentials | undefined>;
}
