import { randomBytes } from 'node:crypto';
import type { Said } from '../../aws/ask.ts';
import { parseListPage } from '../../aws/listing-xml.ts';
import { SPEC_PATH } from '../../bucket/snapshot.ts';
import { addressText } from '../../userdata/settings.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { listing, type Patient, policyLine } from './patient.ts';

/** What these keys may do, tried and not read off a policy. */
export async function access(patient: Patient): Promise<readonly Finding[]> {
  const { role } = patient;
  const listed = await role.ask(listing(role.key(SPEC_PATH), [['max-keys', '1']]));
  const list = verdict(patient, 'list', listed, `list ${addressText(role.address)}`);
  const isThere = parseListPage(listed.body.toString('utf8'))?.objects.some(({ key }) => key === role.key(SPEC_PATH));
  const read = isThere || listed.code !== undefined ? await mayRead(patient) : noSpec(patient);
  return [list, read, ...(await mayWrite(patient))];
}

async function mayRead(patient: Patient): Promise<Finding> {
  const said = await patient.role.ask({ method: 'GET', key: patient.role.key(SPEC_PATH) });
  return verdict(patient, 'read', said, `read ${SPEC_PATH}`);
}

function noSpec({ role }: Patient): Finding {
  return warn('read', `there is no ${SPEC_PATH} yet`, `upload a role: aws s3 sync DIR ${addressText(role.address)}/`);
}

async function mayWrite(patient: Patient): Promise<readonly Finding[]> {
  const { state } = patient;
  const key = state.key(`probe/${randomBytes(12).toString('hex')}`);
  const written = await state.ask({ method: 'PUT', key, body: Buffer.from('haulout doctor\n') });
  const write = verdict(patient, 'write', written, `write to ${addressText(state.address)}`);
  if (written.code !== undefined) return [write];
  const deleted = await state.ask({ method: 'DELETE', key });
  return [write, verdict(patient, 'delete', deleted, `delete in ${addressText(state.address)}`)];
}

function verdict(patient: Patient, name: string, { code }: Said, deed: string): Finding {
  return code === undefined ? ok(name, `may ${deed}`) : fail(name, `may not ${deed} (${code})`, policyLine(patient));
}
