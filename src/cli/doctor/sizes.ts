import { sha256 } from '../../lib/digest.ts';
import { formatUserdata } from '../../userdata/formats.ts';
import { agentKey } from '../../userdata/pin.ts';
import { EC2_LIMIT } from '../../userdata/platforms.ts';
import { measure, renderUserdata } from '../../userdata/render.ts';
import { addressText } from '../../userdata/settings.ts';
import { readDist } from '../dist-files.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { listing, type Patient, policyLine } from './patient.ts';

/** The script that these settings make, against what a cloud takes. */
export async function userdataSize({ settings }: Patient): Promise<readonly Finding[]> {
  const script = renderUserdata((await readDist('bootstrap.js')).toString('utf8'), settings);
  const { bytes, limit, fits } = measure(script, EC2_LIMIT);
  if (fits) return [ok('user-data', `${bytes} of ${limit} bytes`)];
  const packed = measure(formatUserdata(script, 'gzip'), EC2_LIMIT);
  const next = packed.fits ? 'use --format gzip' : 'use shorter names for bucket, prefix and endpoint';
  return [fail('user-data', `${bytes} bytes, ${bytes - limit} more than a cloud takes`, next)];
}

/** The agent that this haulout would pin: there, and its own bytes. */
export async function agent(patient: Patient): Promise<readonly Finding[]> {
  const { settings, state } = patient;
  const { code, body } = await state.ask({ method: 'GET', key: agentKey(state.address, settings.agent) });
  const short = settings.agent.slice(0, 12);
  const upload = `haulout userdata ${addressText(settings.bucket)}`;
  if (code === undefined && sha256(body) === settings.agent) return [ok('agent', `${short} is there, whole`)];
  if (code === undefined)
    return [
      fail('agent', `${short} is there with other bytes, and no machine would run it`, `delete it, then ${upload}`),
    ];
  if (code === 'NoSuchKey') return [warn('agent', `${short} is not there yet`, `${upload} uploads it`)];
  return [warn('agent', `${short} cannot be read (${code})`, policyLine(patient))];
}

/** Runtimes are for machines without a Node; a role may well do without. */
export async function runtime(patient: Patient): Promise<readonly Finding[]> {
  const { code, body } = await patient.state.ask(listing(patient.state.key('runtime/'), [['max-keys', '100']]));
  if (code !== undefined)
    return [warn('runtime', `it cannot be seen whether there is one (${code})`, policyLine(patient))];
  const count = body.toString('utf8').split('<Contents>').length - 1;
  return [
    ok('runtime', count === 0 ? 'none in the bucket: machines need a Node of their own' : `${count} in the bucket`),
  ];
}
