import type { Credentials } from '../../aws/sigv4.ts';
import { Stop, UNAVAILABLE } from './stop.ts';
import { ask, type Reply } from './wire.ts';
import { patiently, type World } from './world.ts';

/** Reads one category. undefined: the service says there is no such thing (404). */
export type ReadMetadata = (path: string, shape: RegExp) => Promise<string | undefined>;

const LOOPBACK = /^http:\/\/(127(\.\d{1,3}){3}|\[::1\])(:\d+)?\/?$/;
const LONGEST_PAUSE_MS = 2_000;
const LIMITS = { headersMs: 2_000, idleMs: 2_000, idleBytes: 1, totalMs: 2_000, bytes: 65_536 };
const WORD = /^[\x21-\x7e]{1,8192}$/;
const OBJECT = /^\{[^]*\}$/;
const REGION = /^[a-z0-9][a-z0-9-]{0,62}$/;
const HINT = 'Check that the metadata service is enabled and 169.254.169.254 is not firewalled';

/** Who can set this process's environment must not be able to send it, and its role's keys, elsewhere. */
export function metadataAddress(override: string | undefined): URL {
  return new URL(override && LOOPBACK.test(override) ? override : 'http://169.254.169.254');
}

/**
 * IMDSv2. A refusal (403; 401 without a token) is the end: plain requests instead would undo what the operator demanded. 401 to
 * a token says that it is none, as one that was cut on its way: a new one is asked for. A service that knows no tokens (404:
 * older Eucalyptus, OpenStack) is asked without.
 */
export function metadataAt(base: URL, world: World): ReadMetadata {
  let token: string | undefined;
  const send = (method: string, path: string, headers: Record<string, string>) =>
    ask({
      hostname: base.hostname.replace(/[[\]]/g, ''),
      port: Number(base.port || 80),
      method,
      path: `/latest/${path}`,
      headers,
      limits: LIMITS,
    });
  const getToken = async () => {
    const reply = await send('PUT', 'api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' });
    return [405, 501].includes(reply.status) ? '' : (textOf('api/token', reply, WORD) ?? '');
  };
  return (path, shape) =>
    patiently(`metadata: ${path}`, HINT, LONGEST_PAUSE_MS, world, async () => {
      token ??= await getToken();
      const reply = await send('GET', path, token ? { 'x-aws-ec2-metadata-token': token } : {});
      if (reply.status === 401 && token) {
        token = undefined;
        throw new Error('it knows no such token');
      }
      return textOf(path, reply, shape);
    });
}

/** Eucalyptus answers "System is still starting up" with 200, so a status is not believed without the right shape. */
function textOf(path: string, { status, body }: Reply, shape: RegExp): string | undefined {
  if (status === 404) return undefined;
  if (status >= 500 || status === 429) throw new Error(`it answers ${status}`);
  if (status !== 200)
    throw new Stop(UNAVAILABLE, `metadata: ${path}`, `refused (${status}); no weaker way is tried`, HINT);
  const text = body.toString().trim();
  if (!shape.test(text)) throw new Error('not the answer to what was asked');
  return text;
}

export async function instanceId(read: ReadMetadata): Promise<string> {
  const path = 'meta-data/instance-id';
  const id = await read(path, /^i-[\da-f]{8,32}$/i);
  if (id) return id;
  throw new Stop(UNAVAILABLE, `metadata: ${path}`, 'there is none', HINT);
}

/** Eucalyptus has no placement/region, OpenStack no identity document either. */
export async function instanceRegion(read: ReadMetadata): Promise<string | undefined> {
  const placed = await read('meta-data/placement/region', REGION);
  if (placed) return placed;
  const { region } = fields(await read('dynamic/instance-identity/document', OBJECT));
  return region && REGION.test(region) ? region : undefined;
}

/** undefined: the instance has no role. */
export async function roleCredentials(read: ReadMetadata): Promise<Credentials | undefined> {
  const path = 'meta-data/iam/security-credentials/';
  const role = await read(path, /^[\w+=,.@-]{1,128}$/m);
  const { AccessKeyId, SecretAccessKey, Token } = fields(role && (await read(path + role.split(/\s/)[0], KEYS)));
  if (!AccessKeyId || !SecretAccessKey) return undefined;
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, ...(Token && { sessionToken: Token }) };
}

const KEYS = /^\{(?=[^]*"AccessKeyId")(?=[^]*"SecretAccessKey")[^]*\}$/;
type Field = 'region' | 'AccessKeyId' | 'SecretAccessKey' | 'Token';

/** The fields that are words; what stands in a header later must not be able to end it. */
function fields(json: string | undefined): Partial<Record<Field, string>> {
  try {
    const all = Object.entries(JSON.parse(json || '{}') as object);
    return Object.fromEntries(all.filter(([, value]) => typeof value === 'string' && WORD.test(value)));
  } catch {
    return {};
  }
}
