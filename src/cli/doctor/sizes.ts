import { sha256 } from '../../lib/digest.ts';
import { formatUserdata } from '../../userdata/formats.ts';
import { agentKey, runtimeKey, runtimeNoteKey } from '../../userdata/pin.ts';
import { EC2_LIMIT } from '../../userdata/platforms.ts';
import { measure, renderUserdata } from '../../userdata/render.ts';
import { addressText, type Settings } from '../../userdata/settings.ts';
import { readDist } from '../dist-files.ts';
import { parseNote, type RuntimeNote } from '../runtime/note.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { type Patient, policyLine } from './patient.ts';

/** The script that these settings make, against what a cloud takes. */
export async function userdataSize(patient: Patient): Promise<readonly Finding[]> {
  const found = 'unreachable' in patient.first ? {} : (await noted(patient)).runtimes;
  const pins = Object.entries(found).map(([arch, { sha256: digest }]) => [arch, digest]);
  const settings: Settings = { ...patient.settings, runtimes: Object.fromEntries(pins) };
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
  const { state } = patient;
  const { code, runtimes } = await noted(patient);
  if (code === 'NoSuchKey' || (code === undefined && Object.keys(runtimes).length === 0))
    return [ok('runtime', 'none in the bucket: machines need a Node, or a package manager that has one')];
  if (code !== undefined)
    return [warn('runtime', `it cannot be seen whether there is one (${code})`, policyLine(patient))];
  const findings: Finding[] = [];
  for (const [arch, { version, sha256: digest }] of Object.entries(runtimes)) {
    const said = await state.ask({ method: 'HEAD', key: runtimeKey(state.address, digest) });
    const seen = `Node ${version} for ${arch} (${digest.slice(0, 12)})`;
    const next = `haulout runtime add ${addressText(patient.settings.bucket)} --from ${version} --arch ${arch}`;
    findings.push(
      said.code === undefined ? ok('runtime', seen) : fail('runtime', `${seen} is noted, and not there`, next),
    );
  }
  return findings;
}

/** What `haulout userdata` would pin. */
async function noted({
  state,
}: Patient): Promise<{ readonly code: string | undefined; readonly runtimes: RuntimeNote }> {
  const { code, body } = await state.ask({ method: 'GET', key: runtimeNoteKey(state.address) });
  return { code, runtimes: code === undefined ? parseNote(body.toString('utf8')) : {} };
}
