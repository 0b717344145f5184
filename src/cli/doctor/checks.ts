import { parseListPage } from '../../aws/listing-xml.ts';
import { errorCode } from '../../lib/errors.ts';
import { access } from './access.ts';
import { conditions } from './conditions.ts';
import { content } from './content.ts';
import { credentials } from './credentials.ts';
import { type Check, type Finding, fail } from './finding.ts';
import { metadata } from './metadata.ts';
import { owner } from './owner.ts';
import type { First, Patient } from './patient.ts';
import { everybody } from './public.ts';
import { clock, endpoint, reach, region } from './reach.ts';
import { agent, runtime, userdataSize } from './sizes.ts';

/** In the order in which they are told: what stands further up is a reason for what stands below. */
const CHECKS: Readonly<Record<string, Check>> = {
  endpoint: { needs: 'nothing', run: endpoint },
  bucket: { needs: 'nothing', run: reach },
  credentials: { needs: 'nothing', run: credentials },
  region: { needs: 'answer', run: region },
  clock: { needs: 'answer', run: clock },
  owner: { needs: 'bucket', run: owner },
  access: { needs: 'bucket', run: access },
  public: { needs: 'bucket', run: everybody },
  conditions: { needs: 'bucket', run: conditions },
  agent: { needs: 'bucket', run: agent },
  runtime: { needs: 'bucket', run: runtime },
  content: { needs: 'bucket', run: content },
  'user-data': { needs: 'nothing', run: userdataSize },
  metadata: { needs: 'nothing', run: metadata },
};

/** One after the other, each told as it is done: a store that is slow shows where. */
export async function examine(patient: Patient, tell: (finding: Finding) => void): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [name, { needs, run }] of Object.entries(CHECKS)) {
    if (!isThere(needs, patient.first)) continue;
    for (const finding of await runOne(name, () => run(patient))) {
      findings.push(finding);
      tell(finding);
    }
  }
  return findings;
}

/** Refusals after which every other question would get the same answer. */
const HOPELESS = [
  'NoSuchBucket',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'RequestTimeTooSkewed',
];

function isThere(needs: Check['needs'], first: First): boolean {
  if (needs === 'nothing') return true;
  if ('unreachable' in first) return false;
  if (needs === 'answer') return true;
  const isListing = first.status === 200 && parseListPage(first.body.toString('utf8')) !== undefined;
  return isListing || (first.status === 403 && !HOPELESS.includes(first.code ?? ''));
}

async function runOne(name: string, run: () => Promise<readonly Finding[]> | readonly Finding[]) {
  try {
    return await run();
  } catch (error) {
    return [fail(name, `no answer to go by (${errorCode(error) ?? 'it broke off'})`, 'try again')];
  }
}
