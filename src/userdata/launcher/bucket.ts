import { bucketOrigin } from '../../aws/location.ts';
import { amzDate, authorization, type Credentials, encodeKey } from '../../aws/sigv4.ts';
import { sha256 } from '../../lib/digest.ts';
import { agentKey } from '../pin.ts';
import type { OwnSettings } from './own.ts';
import { Stop, UNAVAILABLE } from './stop.ts';
import { ask, type Reply } from './wire.ts';
import { codeOf, patiently, type World } from './world.ts';

const LONGEST_PAUSE_MS = 10_000;
const LIMITS = { headersMs: 10_000, idleMs: 30_000, idleBytes: 30_000, totalMs: 300_000, bytes: 32 * 1024 * 1024 };
/** Signatures are refused at 15 minutes; a third of it is worth a correction. */
const SKEW_MS = 300_000;
const MISSING_TRIES = 3;
/** A key may be missing for a moment (an upload under way), but not for long: the operator should hear of it. */
const MISSING_MS = 10_000;
/** Something on the way may alter bytes for a while; what lies in the bucket stays as it is. */
const ALTERED_TRIES = 3;
const ALTERED_MS = 30_000;
const AGAIN = 'Run haulout userdata again, launch with what it prints';

/** Called before each request, because a role's keys and permissions arrive late. */
export type GetCredentials = () => Promise<Credentials | undefined>;

/** The bucket of the state, as this machine reaches it. */
export interface Store {
  ask(method: string, key: string, body?: string): Promise<Reply>;
  /** The server's clock less ours: an instance may boot with a clock hours off. */
  offset: number;
}

export function openStore(settings: OwnSettings, region: string, keys: GetCredentials, world: World): Store {
  const { host, basePath, ...origin } = bucketOrigin({ url: settings.endpoint, region }, settings.state.bucket);
  const store: Store = {
    offset: 0,
    async ask(method, key, body = '') {
      const path = basePath + encodeKey(key);
      const { owner } = settings;
      const plain = { host, ...(owner && { 'x-amz-expected-bucket-owner': owner }) };
      const headers = signed(method, plain, path, region, body, await keys(), world.now() + store.offset);
      return ask({ ...origin, method, path, headers, limits: LIMITS, body });
    },
  };
  return store;
}

/** The agent that the settings pin, its bytes verified. */
export function fetchAgent(settings: OwnSettings, store: Store, world: World): Promise<Buffer> {
  const { state, agent } = settings;
  const key = agentKey(state, agent);
  const what = `bucket: s3://${state.bucket}/${key}`;
  const started = world.elapsed();
  let missing = 0;
  let altered = 0;
  const stop = (reason: string, hint = AGAIN) => new Stop(UNAVAILABLE, what, reason, hint);

  /** A 200 passes. A Stop where waiting cannot help, an Error where it may. */
  const judge = ({ status, headers, body }: Reply) => {
    if (status === 200) return;
    const code = /<Code>(\w{1,64})<\/Code>/.exec(body.toString('latin1'))?.[1] ?? '';
    const word = `it answers ${status} ${code}`.trim();
    const ahead = Date.parse(headers.date ?? '') - world.now();
    if (status === 403 && Math.abs(ahead) > SKEW_MS) store.offset = ahead;
    if (status === 404 && code !== 'NoSuchBucket') missing++;
    if (missing >= MISSING_TRIES && world.elapsed() - started >= MISSING_MS)
      throw stop('the agent is not in the bucket');
    if (status >= 500 || /^40[348]|429/.test(`${status}`) || /^(Expired|Invalid)Token$/.test(code))
      throw new Error(word);
    const elsewhere = headers['x-amz-bucket-region'];
    throw stop(word, elsewhere ? `Write HAULOUT_REGION=${elsewhere}` : 'Check HAULOUT_ENDPOINT and HAULOUT_REGION');
  };

  const hint = 'Check HAULOUT_BUCKET, HAULOUT_ENDPOINT, HAULOUT_OWNER, the network, and what the role of the instance may read';
  return patiently(what, hint, LONGEST_PAUSE_MS, world, async () => {
    const reply = await store.ask('GET', key).catch((error: unknown) => {
      throw DISTRUSTED.test(codeOf(error))
        ? stop(codeOf(error), 'Give the endpoint a certificate Node trusts, or write http://')
        : error;
    });
    judge(reply);
    if (sha256(reply.body) === agent) return reply.body;
    if (++altered < ALTERED_TRIES || world.elapsed() - started < ALTERED_MS)
      throw new Error('its sha256 is not HAULOUT_AGENT');
    throw stop('its sha256 is not HAULOUT_AGENT: altered, not run');
  });
}

/** A certificate that becomes valid when the clock is set is waited for; one that nobody vouches for is not. */
const DISTRUSTED = /SELF_SIGNED|UNABLE_TO|ALTNAME/;

function signed(
  method: string,
  plain: Readonly<Record<string, string>>,
  path: string,
  region: string,
  body: string,
  keys: Credentials | undefined,
  now: number,
) {
  if (!keys) return plain;
  const payloadHash = sha256(Buffer.from(body));
  const headers: Record<string, string> = {
    ...plain,
    'x-amz-date': amzDate(now),
    'x-amz-content-sha256': payloadHash,
  };
  if (keys.sessionToken) headers['x-amz-security-token'] = keys.sessionToken;
  const request = { method, path, query: [], headers, payloadHash };
  return { ...headers, authorization: authorization(request, { region, service: 's3' }, keys) };
}
