import { parseListPage } from '../../aws/listing-xml.ts';
import { bucketOrigin } from '../../aws/location.ts';
import { addressText } from '../../userdata/settings.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { Patient } from './patient.ts';

const TLS = /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/;

export function endpoint(patient: Patient): readonly Finding[] {
  const origin = bucketOrigin(patient.endpoint, patient.settings.bucket.bucket);
  const path = patient.endpoint.url === undefined ? '' : new URL(patient.endpoint.url).pathname.replace(/\/+$/, '');
  const where = `${origin.protocol}//${origin.host}${path}`;
  const seen = patient.endpoint.url === undefined ? `${where}, Amazon's own` : where;
  if (origin.protocol === 'https:') return [ok('endpoint', seen)];
  const next = 'use https where the store has it: on the way, anybody could change what machines run as root';
  return [warn('endpoint', `${seen} is not encrypted`, next)];
}

/** Whether there is a store, and the bucket in it. */
export function reach({ first, endpoint, settings: { bucket } }: Patient): readonly Finding[] {
  const name = 'bucket';
  const host = bucketOrigin(endpoint, bucket.bucket).host;
  if ('unreachable' in first) return [fail(name, ...unreachable(host, first.unreachable))];
  if (first.status === 200 && !parseListPage(first.body.toString('utf8')))
    return [fail(name, `${host} answers, but not as an S3 store does`, 'check --endpoint-url, its path included')];
  if (first.code === 'NoSuchBucket')
    return [fail(name, `${host} has no bucket ${bucket.bucket}`, `aws s3 mb s3://${bucket.bucket}`)];
  if (first.status >= 500) return [fail(name, `${host} answered ${first.status} ${first.code}`, 'try again later')];
  return [ok(name, `${addressText(bucket)} answers in ${Math.round(first.took)} ms`)];
}

function unreachable(host: string, code: string): [seen: string, next: string] {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return [`the name of ${host} is not known (${code})`, 'check --endpoint-url, --region and the DNS of this machine'];
  if (TLS.test(code))
    return [
      `no TLS connection to ${host} (${code})`,
      'is it https at all? for a certificate of your own: NODE_EXTRA_CA_CERTS=FILE',
    ];
  return [`no connection to ${host} (${code})`, 'check --endpoint-url, the port, and what stands between (firewall)'];
}

export function region({ moved, endpoint, first }: Patient): readonly Finding[] {
  if (moved !== undefined)
    return [fail('region', `the bucket is in ${moved}`, `add --region ${moved}, here and for haulout userdata`)];
  if ('code' in first && (first.code === 'PermanentRedirect' || first.code === 'AuthorizationHeaderMalformed'))
    return [
      fail('region', `the bucket is not in ${endpoint.region}, and the store does not say where`, 'set --region'),
    ];
  return [ok('region', endpoint.region)];
}

const LATE_S = 5 * 60;
const TOO_LATE_S = 15 * 60;

/** Signatures hold for 15 minutes; the settling of uploads is measured by the store's own clock. */
export function clock({ first }: Patient): readonly Finding[] {
  const date = 'headers' in first ? Date.parse(first.headers.date ?? '') : Number.NaN;
  if (Number.isNaN(date) || 'unreachable' in first)
    return [warn('clock', 'the store does not say its time', 'see docs')];
  const behind = Math.round((date - (Date.now() - first.took / 2)) / 1_000);
  const seen =
    Math.abs(behind) < 2
      ? 'the same time'
      : `${duration(Math.abs(behind))} ${behind > 0 ? 'behind' : 'ahead of'} the store`;
  const next = 'set the clock of this machine: timedatectl set-ntp true';
  if (Math.abs(behind) > TOO_LATE_S) return [fail('clock', seen, next)];
  return [Math.abs(behind) > LATE_S ? warn('clock', seen, next) : ok('clock', seen)];
}

function duration(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
