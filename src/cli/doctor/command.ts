import { sha256 } from '../../lib/digest.ts';
import { HauloutError } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { addressText } from '../../userdata/settings.ts';
import { settingsFrom } from '../desk-settings.ts';
import { readDist } from '../dist-files.ts';
import { endpointOf } from '../live.ts';
import { data, paint, say } from '../talk.ts';
import { examine } from './checks.ts';
import type { Finding } from './finding.ts';
import { type Asked, meet } from './patient.ts';
import { policyFor } from './policy.ts';
import { count, findingLines } from './report.ts';

export interface DoctorOptions {
  readonly policy?: string;
  readonly state?: string;
  readonly role?: string;
  readonly owner?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly json?: boolean;
}

/** `haulout doctor s3://bucket/prefix`: 0 nothing is wrong, 2 something is, 69 nobody answers there. */
export async function doctor(bucket: string, options: DoctorOptions): Promise<number> {
  const settings = await settingsFrom(bucket, sha256(await readDist('agent.mjs')), options);
  const endpoint = await endpointOf(options);
  if (options.policy !== undefined) {
    process.stdout.write(`${JSON.stringify(policyFor(options.policy, settings), null, 2)}\n`);
    return EXIT.done;
  }
  const { owner, profile } = options;
  if (owner !== undefined && !/^\d{12}$/.test(owner)) throw notAnAccount();
  return await look({ settings, endpoint, profile, owner }, options.json === true);
}

async function look(asked: Asked, json: boolean): Promise<number> {
  const patient = await meet(asked);
  const tell = (finding: Finding) => void (json || process.stdout.write(findingLines(finding)));
  const findings = await examine(patient, tell);
  const failed = count(findings, 'fail');
  const warned = count(findings, 'warn');
  const bucket = addressText(asked.settings.bucket);
  if (json) {
    const state = addressText(asked.settings.state);
    data({ schema: 1, bucket, state, region: patient.endpoint.region, failed, warned, findings });
  } else sum(bucket, findings, failed, warned);
  if ('unreachable' in patient.first) return EXIT.unavailable;
  return failed > 0 ? EXIT.differences : EXIT.done;
}

function sum(bucket: string, findings: readonly Finding[], failed: number, warned: number): void {
  const first = findings.find(({ result }) => result === 'fail') ?? findings.find(({ result }) => result === 'warn');
  const words = failed > 0 ? paint.red(`${failed} failed`) : paint.green('nothing is wrong');
  say(`${bucket}: ${words}${warned > 0 ? `, ${warned} to think about` : ''}`);
  say(`next: ${first?.next ?? `haulout userdata ${bucket} > bootstrap.js`}`);
}

function notAnAccount(): HauloutError {
  return new HauloutError({
    code: 'usage',
    step: 'doctor',
    subject: '--owner',
    reason: 'this is not an account',
    hint: 'write its twelve digits: --owner 123456789012',
  });
}
