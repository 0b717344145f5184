import { expect, it, onTestFinished } from 'vitest';
import { haulout } from '../support/cli.ts';
import { startEc2 } from '../support/ec2.ts';
import { s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';

it('a launch says first whether machines find a Node; an instance that says nothing in time is named once', async () => {
  const s3 = await s3ForTest();
  const ec2 = await startEc2();
  onTestFinished(() => ec2.close());
  const env = {
    AWS_ACCESS_KEY_ID: KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ENDPOINT_URL_EC2: ec2.url,
    AWS_REGION: REGION,
  };
  const words = ['launch', 's3://bkt/planet', '--image-id', 'ami-12345678', '--timeout', '1s'];
  const { code, stderr } = await haulout(words, { env });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^haulout: runtime: none: machines must have a Node/);
  expect(stderr).toMatch(
    /\nhaulout: i-[0-9a-f]{17}: the instance is not healthy within .*\nhaulout: next: see its console/,
  );
});
