import { expect, it } from 'vitest';
import { BucketWriter } from '../../src/aws/write.ts';
import { sdkTrouble } from '../../src/cli/sdk-trouble.ts';
import { HauloutError } from '../../src/lib/errors.ts';
import { rejection, s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';

/** What the real SDK throws at a real endpoint. */
async function thrownBy(credentials: typeof KEY): Promise<unknown> {
  const s3 = await s3ForTest();
  const writer = new BucketWriter({ endpoint: { url: s3.url, region: REGION }, credentials });
  try {
    return await rejection(writer.put('bkt', 'key', Buffer.from('x')));
  } finally {
    writer.close();
  }
}

it('keys that are refused are told by the name of the refusal, and never by themselves', async () => {
  const wrong = { ...KEY, secretAccessKey: 'not-the-secret-of-anybody' };
  const trouble = sdkTrouble(await thrownBy(wrong));
  expect(trouble).toMatchObject({ code: 's3-SignatureDoesNotMatch', step: 'bucket' });
  expect(trouble?.reason).toBe('it refused, or did not answer (SignatureDoesNotMatch, 403)');
  expect(trouble?.hint).toContain('haulout doctor');
  expect(JSON.stringify(trouble)).not.toContain(wrong.secretAccessKey);
});

it('no credentials are named, with where to give them', () => {
  const error = Object.assign(new Error('parts of a file'), { name: 'CredentialsProviderError' });
  expect(sdkTrouble(error)).toMatchObject({ reason: 'there are no credentials to ask it with' });
  expect(sdkTrouble(error)?.message).not.toContain('parts of a file');
});

it('what is not of the SDK stays what it is', () => {
  const own = new HauloutError({ code: 'x', step: 'swap', subject: 's', reason: 'r', hint: 'h' });
  for (const error of [own, new Error('a fault'), 'text', undefined]) expect(sdkTrouble(error)).toBeUndefined();
});
