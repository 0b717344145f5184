import { type Finding, fail, ok, warn } from './finding.ts';
import { listing, type Patient } from './patient.ts';

const SAMPLE = '1000';

/**
 * Whose bucket this is: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
 * A bucket's name can be taken by somebody else once it was deleted; then machines would run what they say.
 */
export async function owner(patient: Patient): Promise<readonly Finding[]> {
  return [await ofBucket(patient), ...(await ofObjects(patient))];
}

async function ofBucket(patient: Patient): Promise<Finding> {
  const wanted = patient.owner;
  if (wanted === undefined) return ok('owner', 'not checked; --owner ACCOUNT says who it should be');
  const question = listing(patient.role.key(''), [['max-keys', '1']]);
  const plain = await patient.role.ask(question);
  const held = await patient.role.ask({ ...question, headers: { 'x-amz-expected-bucket-owner': wanted } });
  if (plain.code !== undefined)
    return warn('owner', `cannot be checked (${plain.code})`, 'first mend what is said of listing');
  if (held.code === undefined) return ok('owner', `account ${wanted}, as far as this store checks it`);
  return fail(
    'owner',
    `the bucket does not belong to account ${wanted}`,
    'do not launch machines from it: ask who owns it',
  );
}

/** Objects that another account put there are its own, and may not be readable for this one's machines. */
async function ofObjects(patient: Patient): Promise<readonly Finding[]> {
  const question = listing(patient.role.key(''), [
    ['max-keys', SAMPLE],
    ['fetch-owner', 'true'],
  ]);
  const { body, code } = await patient.role.ask(question);
  if (code !== undefined) return [];
  const owners = new Set([...body.toString('utf8').matchAll(/<Owner>.*?<ID>([^<]*)<\/ID>/gs)].map(([, id]) => id));
  if (owners.size < 2) return [];
  const next = 'turn ACLs off (Object Ownership: bucket owner enforced), or upload all with one account';
  return [warn('owner', `the objects belong to ${owners.size} accounts`, next)];
}
