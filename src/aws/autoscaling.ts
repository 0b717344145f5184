import { createHash } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { HauloutError } from '../lib/errors.ts';
import { READ_DEADLINES, readStart, Wire } from './http.ts';
import { parseErrorCode } from './listing-xml.ts';
import type { BucketOrigin } from './location.ts';
import { amzDate, authorization, type Credentials } from './sigv4.ts';

/** Where Auto Scaling is asked. */
export interface AutoScaling {
  readonly region: string;
  /** Amazon's own of the region, where none is named. */
  readonly url: string | undefined;
}

/** A lifecycle hook that holds the end of an instance up until it is told to go on. */
export interface LifecycleAction {
  readonly group: string;
  readonly hook: string;
  readonly instanceId: string;
}

const VERSION = '2011-01-01';
const ANSWER_LIMIT = 64 * 1024;
const DEADLINES = { ...READ_DEADLINES, total: 20_000 };
const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

/**
 * The machine has done what it had to do: its group may end it now, and not only when the hook's time is over.
 * https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html
 */
export async function completeLifecycleAction(
  at: AutoScaling,
  action: LifecycleAction,
  credentials: Credentials,
  clock: Pick<Clock, 'now'>,
): Promise<void> {
  const origin = originOf(at);
  const body = Buffer.from(formOf(action));
  const payloadHash = createHash('sha256').update(body).digest('hex');
  const headers: Record<string, string> = {
    host: origin.host,
    'content-type': FORM,
    'x-amz-date': amzDate(clock.now()),
    ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
  };
  const signable = { method: 'POST', path: origin.basePath, query: [], headers, payloadHash };
  headers['authorization'] = authorization(signable, { region: at.region, service: 'autoscaling' }, credentials);
  headers['content-length'] = String(body.length);
  const wire = new Wire(origin, DEADLINES, 1);
  try {
    const answer = await wire.send({ method: 'POST', path: origin.basePath, headers, body });
    const document = (await readStart(answer, ANSWER_LIMIT)).toString('utf8');
    const { statusCode = 0 } = answer;
    if (statusCode !== 200) throw refused(action, statusCode, parseErrorCode(document) ?? `Http${statusCode}`);
  } finally {
    wire.close();
  }
}

function formOf({ group, hook, instanceId }: LifecycleAction): string {
  return new URLSearchParams({
    Action: 'CompleteLifecycleAction',
    Version: VERSION,
    AutoScalingGroupName: group,
    LifecycleHookName: hook,
    LifecycleActionResult: 'CONTINUE',
    InstanceId: instanceId,
  }).toString();
}

function originOf({ region, url }: AutoScaling): BucketOrigin {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const { protocol, hostname, port, host, pathname } = new URL(url ?? `https://autoscaling.${region}.${suffix}/`);
  const isPlain = protocol === 'http:';
  const number = port === '' ? (isPlain ? 80 : 443) : Number(port);
  return { protocol: isPlain ? 'http:' : 'https:', hostname, port: number, host, basePath: pathname };
}

const HINTS: Readonly<Record<string, string>> = {
  AccessDenied: 'allow autoscaling:CompleteLifecycleAction to the role of the instance',
  ValidationError:
    'is `lifecycle-hook` in haulout.ini the name of a hook of this group, and is the instance still held up by it?',
};

function refused({ group, hook }: LifecycleAction, status: number, code: string): HauloutError {
  return new HauloutError({
    code: `autoscaling-${code}`,
    step: 'goodbye',
    subject: `${group}/${hook}`,
    reason: `CompleteLifecycleAction was answered ${status} ${code}`,
    hint: HINTS[code] ?? 'nothing is to be done: the group goes on when the time of its hook is over',
  });
}
