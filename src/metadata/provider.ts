import type { Credentials } from '../aws/sigv4.ts';

/** Which machine this is. Every value was checked by its shape: metadata is input, never a path or shell text. */
export interface Identity {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly imageId: string;
  readonly accountId: string;
  readonly region: string;
  readonly availabilityZone: string;
  readonly localIpv4: string;
  /** Empty where there is none. */
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
  return (
    /^i-[0-9a-f]+$/.test(String(words['instanceId'])) && Object.values(tags).every((tag) => typeof tag === 'string')
  );
}

/**
 * A cloud's way to say who an instance is. To add one: a file here, a line in `agent/main.ts`, the contract suite in
 * test/metadata.
 */
export interface MetadataProvider {
  readonly name: string;
  identity(): Promise<Identity>;
  /** Of the instance's role; undefined where it has none. Kept until shortly before they expire; `fresh` asks anew. */
  credentials(fresh: boolean): Promise<Credentials | undefined>;
}
