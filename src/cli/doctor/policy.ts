import { SPEC_PATH } from '../../bucket/snapshot.ts';
import { WAKE_NAME } from '../../fleet/wake.ts';
import { HauloutError } from '../../lib/errors.ts';
import type { Settings } from '../../userdata/settings.ts';

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html */
export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, { readonly 's3:prefix': readonly string[] }>>;
}

/** The least that does: each line of it is missed by somebody when it is gone (test/e2e/policy.test.ts). */
export function policyFor(whom: string, settings: Settings): Policy {
  if (whom === 'instance') return instancePolicy(settings);
  if (whom === 'desk') return deskPolicy(settings);
  throw new HauloutError({
    code: 'usage',
    step: 'doctor',
    subject: '--policy',
    reason: 'there is no such policy',
    hint: 'write --policy instance, or --policy desk',
  });
}

/** What a machine does: reads its role, the agent and perhaps a Node, and whether it is called; writes what it says of itself. */
function instancePolicy(settings: Settings): Policy {
  const { role, list } = namesOf(settings);
  const places = ['', 'root/', 'services/'].map(role.key);
  return policy(
    allow('ReadTheRole', ['s3:ListBucket'], [role.bucket], { StringEquals: { 's3:prefix': places } }),
    allow('ReadTheContent', ['s3:GetObject'], [SPEC_PATH, 'root/*', 'services/*'].map(role.arn)),
    allow('ReadWhatRunsIt', ['s3:GetObject'], list(['agent/*', 'runtime/*'])),
    allow('HearTheDesk', ['s3:GetObject'], list([WAKE_NAME])),
    allow('TellOfItself', ['s3:PutObject'], list([`instances/${settings.role}/*`, `facts/${settings.role}/*`])),
  );
}

/** What the operator does: uploads a role, launches, looks at what machines tell, asks the doctor. */
function deskPolicy(settings: Settings): Policy {
  const { role, state, list } = namesOf(settings);
  return policy(
    // All of it: to those who may list a part only, what is missing is forbidden, and a first upload asks what is there.
    allow('SeeTheBucket', ['s3:ListBucket'], [...new Set([role.bucket, state.bucket])]),
    allow('UploadTheRole', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], [role.arn('*')]),
    allow('UploadWhatRunsMachines', ['s3:GetObject', 's3:PutObject'], list(['agent/*', 'runtime/*'])),
    allow('ReadWhatMachinesTell', ['s3:GetObject'], list([`instances/${settings.role}/*`, `facts/${settings.role}/*`])),
    allow('CallMachines', ['s3:GetObject', 's3:PutObject'], list([WAKE_NAME])),
    allow('KeepOperations', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], list(['operations/*'])),
    allow('TryTheStore', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], [state.arn('probe/*')]),
  );
}

function namesOf({ bucket, state, region }: Settings) {
  const head = `arn:${partitionOf(region ?? '')}:s3:::`;
  const names = ({ bucket, prefix }: Settings['bucket']) => {
    const key = (path: string) => (prefix === '' ? path : `${literally(prefix)}/${path}`);
    return { key, arn: (path: string) => `${head}${bucket}/${key(path)}`, bucket: head + bucket };
  };
  const held = names(state);
  return { role: names(bucket), state: held, list: (paths: readonly string[]) => paths.map(held.arn) };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** What means something in a pattern, as itself: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */
function literally(text: string): string {
  return text.replace(/[*?$]/g, (sign) => `\${${sign}}`);
}

function policy(...statements: Statement[]): Policy {
  return { Version: '2012-10-17', Statement: statements };
}

function allow(
  Sid: string,
  Action: readonly string[],
  Resource: readonly string[],
  Condition?: Statement['Condition'],
): Statement {
  return {
    Sid,
    Effect: 'Allow',
    Action: short(Action),
    Resource: short(Resource),
    ...(Condition ? { Condition } : {}),
  };
}

/** IAM takes one string for a list of one, and people read it more easily. */
function short(words: readonly string[]): string | readonly string[] {
  const [first, ...more] = words;
  return first !== undefined && more.length === 0 ? first : words;
}
