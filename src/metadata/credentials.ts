import type { ImdsClient, ReadMetadata } from '../aws/imds.ts';
import { invalid } from '../aws/imds-trouble.ts';
import type { Credentials } from '../aws/sigv4.ts';
import type { Clock } from '../lib/clock.ts';
import type { MetadataProvider } from './provider.ts';
import { parseObject, ROLE, shaped } from './shapes.ts';

/** Credentials are renewed this long before they expire, so that a metadata service that is down then does no harm. */
const RENEW_EARLY_MS = 15 * 60_000;
/**
 * While there is nothing better to be had, the service is asked this often, or before half of what is left is over, and waited
 * for this long: requests wait for it.
 */
const RENEW_AGAIN_MS = 60_000;
const RENEW_AGAIN_LEAST_MS = 1_000;
const RENEW_WAIT_MS = 5_000;
const NO_ROLE_MS = 5_000;

const BASE = 'meta-data/iam/security-credentials/';
const SUBJECT = 'iam/security-credentials';

/** The keys of the instance's role, as EC2 and Eucalyptus hand them out. */
export function roleCredentials(imds: ImdsClient, clock: Clock): MetadataProvider['credentials'] {
  let held: Credentials | undefined;
  let notBefore = Number.NEGATIVE_INFINITY;
  let asking: Promise<Credentials | undefined> | undefined;
  const left = () => (held?.expiresAt ?? Number.POSITIVE_INFINITY) - clock.now();
  const ask = async (fresh: boolean) => {
    const usable = !fresh && held !== undefined && left() > 0;
    try {
      held = await readCredentials(imds.reader(usable ? RENEW_WAIT_MS : undefined));
    } catch (error) {
      // Still good for some minutes: a metadata service that is down must not stop a sync.
      if (!usable) throw error;
    }
    notBefore = clock.elapsed() + (held ? pauseOf(left()) : NO_ROLE_MS);
    return held;
  };
  return async (fresh) => {
    const due = held === undefined || left() <= RENEW_EARLY_MS;
    if (!fresh && (!due || clock.elapsed() < notBefore)) return held;
    asking ??= ask(fresh).finally(() => {
      asking = undefined;
    });
    return await asking;
  };
}

/** What was given just now cannot be over: then our clock is wrong, and asking again at each request would not mend it. */
function pauseOf(left: number): number {
  return left <= 0 ? RENEW_AGAIN_MS : Math.max(RENEW_AGAIN_LEAST_MS, Math.min(RENEW_AGAIN_MS, left / 2));
}

async function readCredentials(read: ReadMetadata): Promise<Credentials | undefined> {
  const role = await read(BASE, (text) => {
    const [first = ''] = text.split('\n');
    return first.trim() === '' ? '' : shaped('iam role', first.trim(), ROLE);
  });
  if (role === undefined || role === '') return undefined;
  return await read(BASE + role, parseCredentials);
}

function parseCredentials(text: string): Credentials {
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = parseObject(text, SUBJECT);
  const expiresAt = Date.parse(String(Expiration));
  const token = Token === undefined || Token === null || Token === '' ? undefined : Token;
  if (!isKey(AccessKeyId) || !isKey(SecretAccessKey) || Number.isNaN(expiresAt)) throw invalid(SUBJECT);
  if (token !== undefined && !isKey(token)) throw invalid(SUBJECT);
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
