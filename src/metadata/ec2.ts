import { ImdsClient, type ImdsOptions } from '../aws/imds.ts';
import type { Credentials } from '../aws/sigv4.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Identity, MetadataProvider } from './provider.ts';

/** Credentials are renewed this long before they expire, so that a metadata service that is down then does no harm. */
const RENEW_EARLY_MS = 15 * 60_000;
/** While there is nothing better to be had, the service is asked this often and waited for this long: requests wait for it. */
const RENEW_AGAIN_MS = 60_000;
const RENEW_WAIT_MS = 5_000;
const NO_ROLE_MS = 5_000;

const SHAPES = {
  instanceId: /^i-[0-9a-f]{8,32}$/,
  word: /^[A-Za-z0-9._:-]{1,128}$/,
  ipv4: /^(\d{1,3}\.){3}\d{1,3}$/,
  hostname: /^[A-Za-z0-9.-]{1,253}$/,
  role: /^[A-Za-z0-9+=,.@_-]{1,128}$/,
  tagKey: /^[^\u0000-\u001f\u007f/]{1,128}$/,
  tagValue: /^[^\u0000-\u001f\u007f]{0,256}$/,
};

/** EC2 and what speaks its metadata. The identity document says nearly everything in one request. */
export function ec2Provider(options: ImdsOptions): MetadataProvider {
  const imds = new ImdsClient(options);
  return { name: 'ec2', identity: () => readIdentity(imds), credentials: heldCredentials(imds, options) };
}

function heldCredentials(imds: ImdsClient, options: ImdsOptions): MetadataProvider['credentials'] {
  const { clock, waitMs = RENEW_WAIT_MS } = options;
  const hasty = new ImdsClient({ ...options, waitMs: Math.min(waitMs, RENEW_WAIT_MS) });
  let held: Credentials | undefined;
  let notBefore = Number.NEGATIVE_INFINITY;
  let asking: Promise<Credentials | undefined> | undefined;
  const left = () => (held?.expiresAt ?? Number.POSITIVE_INFINITY) - clock.now();
  const ask = async (fresh: boolean) => {
    const usable = !fresh && held !== undefined && left() > 0;
    try {
      held = await readCredentials(usable ? hasty : imds);
    } catch (error) {
      // Still good for some minutes: a metadata service that is down must not stop a sync.
      if (!usable) throw error;
    }
    notBefore = clock.elapsed() + (held ? RENEW_AGAIN_MS : NO_ROLE_MS);
    return held;
  };
  return async (fresh) => {
    const due = held === undefined || left() <= RENEW_EARLY_MS;
    if (!fresh && left() > 0 && (!due || clock.elapsed() < notBefore)) return held;
    asking ??= ask(fresh).finally(() => {
      asking = undefined;
    });
    return await asking;
  };
}

async function readIdentity(imds: ImdsClient): Promise<Identity> {
  const document = parseDocument(await imds.get('dynamic/instance-identity/document'));
  const text = (key: string) => (typeof document[key] === 'string' ? document[key] : '');
  return {
    instanceId: shaped('instance-id', text('instanceId'), SHAPES.instanceId),
    instanceType: shaped('instance-type', text('instanceType'), SHAPES.word),
    imageId: shaped('ami-id', text('imageId'), SHAPES.word),
    accountId: shaped('account-id', text('accountId'), SHAPES.word),
    region: shaped('region', text('region'), SHAPES.word),
    availabilityZone: shaped('availability-zone', text('availabilityZone'), SHAPES.word),
    localIpv4: shaped('local-ipv4', text('privateIp'), SHAPES.ipv4),
    publicIpv4: optional(await imds.get('meta-data/public-ipv4'), SHAPES.ipv4),
    hostname: optional(await imds.get('meta-data/local-hostname'), SHAPES.hostname),
    tags: await readTags(imds),
  };
}

function parseDocument(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below: no document and a broken one are the same to us.
  }
  throw new HauloutError({
    code: 'metadata-invalid',
    step: 'metadata',
    subject: '/latest/dynamic/instance-identity/document',
    reason: 'there is no identity document, or it is not JSON',
    hint: 'is this an EC2 instance?',
  });
}

async function readTags(imds: ImdsClient): Promise<Record<string, string>> {
  const keys = (await imds.get('meta-data/tags/instance'))?.split('\n').filter((key) => SHAPES.tagKey.test(key)) ?? [];
  const tags: Record<string, string> = Object.create(null);
  for (const key of keys.slice(0, 50)) {
    const value = await imds.get(`meta-data/tags/instance/${encodeURIComponent(key)}`);
    if (value !== undefined && SHAPES.tagValue.test(value)) tags[key] = value;
  }
  return tags;
}

async function readCredentials(imds: ImdsClient): Promise<Credentials | undefined> {
  const base = 'meta-data/iam/security-credentials/';
  const role = (await imds.get(base))?.split('\n')[0]?.trim();
  if (role === undefined || role === '') return undefined;
  const answer = await imds.get(base + shaped('iam role', role, SHAPES.role));
  if (answer === undefined) return undefined;
  const held = parseDocument(answer);
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = held;
  const expiresAt = Date.parse(String(Expiration));
  const token = Token === undefined || Token === null || Token === '' ? undefined : Token;
  if (!isKey(AccessKeyId) || !isKey(SecretAccessKey) || Number.isNaN(expiresAt)) {
    throw invalid('iam/security-credentials');
  }
  if (token !== undefined && !isKey(token)) throw invalid('iam/security-credentials');
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    expiresAt,
    ...(token === undefined ? {} : { sessionToken: token }),
  };
}

/** One word of printable ASCII: it becomes a header. */
function isKey(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,16384}$/.test(value);
}

function shaped(name: string, value: string, shape: RegExp): string {
  if (!shape.test(value)) throw invalid(name);
  return value;
}

function optional(value: string | undefined, shape: RegExp): string {
  return value !== undefined && shape.test(value) ? value : '';
}

function invalid(name: string): HauloutError {
  return new HauloutError({
    code: 'metadata-invalid',
    step: 'metadata',
    subject: name,
    reason: 'the metadata service gave something that cannot be one',
    hint: 'is something else answering at 169.254.169.254? It is asked again at the next sync',
  });
}
