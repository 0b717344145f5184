import { randomBytes } from 'node:crypto';
import { SPEC_PATH } from '../../bucket/snapshot.ts';
import { addressText } from '../../userdata/settings.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { listing, type Patient, type Prefix } from './patient.ts';

const OPEN_READ =
  'fine when it is meant (haulout userdata --anonymous), and then nothing in it is secret; else close it (Block Public Access)';
const OPEN_WRITE = 'close it at once (Block Public Access): whoever writes there runs programs as root on the machines';

/** What anybody may do, tried without a signature. */
export async function everybody(patient: Patient): Promise<readonly Finding[]> {
  const { role, state } = patient;
  const mayList = await isOpen(role.anonymously(listing(role.key(''), [['max-keys', '1']])));
  const mayRead = await isOpen(role.anonymously({ method: 'GET', key: role.key(SPEC_PATH) }));
  // Names that agents pass over: nothing under a dot is a part of a role.
  const open: Prefix[] = [];
  if (await mayWrite(role, '.haulout-probe-')) open.push(role);
  if (await mayWrite(state, 'probe/')) open.push(state);
  const reads = [mayList ? 'list' : '', mayRead ? 'read' : ''].filter(Boolean).join(' and ');
  return [
    reads === '' ? ok('public', 'nobody reads without credentials') : warn('public', `anybody may ${reads}`, OPEN_READ),
    open.length === 0
      ? ok('public', 'nobody writes without credentials')
      : fail(
          'public',
          `anybody may write to ${open.map(({ address }) => addressText(address)).join(' and ')}`,
          OPEN_WRITE,
        ),
  ];
}

async function isOpen(asking: Promise<{ readonly code: string | undefined }>): Promise<boolean> {
  const said = await asking.catch(() => ({ code: 'none' }));
  return said.code === undefined;
}

async function mayWrite(prefix: Prefix, place: string): Promise<boolean> {
  const key = `${prefix.key(place)}${randomBytes(12).toString('hex')}`;
  if (!(await isOpen(prefix.anonymously({ method: 'PUT', key, body: Buffer.from('haulout doctor\n') })))) return false;
  const gone = await isOpen(prefix.ask({ method: 'DELETE', key }));
  if (!gone) await isOpen(prefix.anonymously({ method: 'DELETE', key }));
  return true;
}
