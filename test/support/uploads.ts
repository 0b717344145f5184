import { readFile } from 'node:fs/promises';
import { BucketWriter } from '../../src/aws/write.ts';
import { run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { command } from './needs.ts';

export interface Bucket {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export const aws = command('aws', 'awscli');

/** `aws s3 cp FILE s3://...`, as a person does it; with the SDK where there is no such program. */
export async function upload(file: string, key: string, to: Bucket): Promise<void> {
  if (!aws.met) return await uploadWithSdk(file, key, to);
  const argv = ['aws', '--endpoint-url', to.endpoint, 's3', 'cp', file, `s3://${to.bucket}/${key}`] as const;
  const { code, output } = await run(argv, { env: awsEnvironment(to), timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`aws s3 cp: ${output}`);
}

async function uploadWithSdk(file: string, key: string, to: Bucket): Promise<void> {
  const { endpoint: url, region, bucket, accessKeyId, secretAccessKey } = to;
  const writer = new BucketWriter({ endpoint: { url, region }, credentials: { accessKeyId, secretAccessKey } });
  await writer.put(bucket, key, await readFile(file));
  writer.close();
}

/** Nothing of this machine's own AWS settings: keys, region, and no file read. */
function awsEnvironment(to: Bucket): Record<string, string> {
  return {
    ...SYSTEM_ENVIRONMENT,
    AWS_ACCESS_KEY_ID: to.accessKeyId,
    AWS_SECRET_ACCESS_KEY: to.secretAccessKey,
    AWS_DEFAULT_REGION: to.region,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
  };
}
