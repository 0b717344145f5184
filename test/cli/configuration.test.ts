import { describe, expect, it, onTestFinished } from 'vitest';
import { haulout } from '../support/cli.ts';
import { startEc2 } from '../support/ec2.ts';
import { s3ForTest } from '../support/readers.ts';
import { KEY, REGION } from '../support/s3.ts';
import { put, scratch } from '../support/scratch.ts';

/** A desk where `aws configure` has said everything, and no variable says anything. */
async function desk(config: (s3: string, ec2: string) => string) {
  const directory = scratch();
  const s3 = await s3ForTest();
  const ec2 = await startEc2();
  onTestFinished(() => ec2.close());
  const keys = `aws_access_key_id = ${KEY.accessKeyId}\naws_secret_access_key = ${KEY.secretAccessKey}\n`;
  const env = {
    AWS_CONFIG_FILE: put(`${directory}/config`, config(s3.url, ec2.url)),
    AWS_SHARED_CREDENTIALS_FILE: put(`${directory}/credentials`, `[default]\n${keys}[shore]\n${keys}`),
  };
  const run = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    haulout(words, { env: { ...env, ...more } });
  return { s3, ec2, run };
}

const SHORE = (s3: string) =>
  `[default]\nregion = ap-south-1\n[profile shore]\nregion = ${REGION}\nendpoint_url = ${s3}\n`;

describe('the AWS configuration', () => {
  it.each([
    ['by its flag', ['--profile', 'shore'], {}],
    ['by the variable', [], { AWS_PROFILE: 'shore' }],
  ])('says where the store is, to the machines as well; its profile %s', async (_how, words, more) => {
    const { s3, run } = await desk(SHORE);
    const { code, stdout, stderr } = await run(['userdata', 's3://bkt/planet', ...words], more);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('uploaded to s3://bkt/') });
    expect(s3.endpoint.list('bkt', '')).toHaveLength(2);
    expect(stdout).toMatch(new RegExp(`^HAULOUT_ENDPOINT=${s3.url}$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^HAULOUT_REGION=${REGION}$`, 'm'));
    const fleet = await run(['fleet', 's3://bkt', ...words], more);
    expect(fleet).toMatchObject({ code: 0, stderr: expect.stringContaining('no instance has told of itself') });
  });

  it('gives way to variables, and these to flags', async () => {
    const { s3, run } = await desk(() => SHORE('http://127.0.0.1:1'));
    const variables = { AWS_PROFILE: 'shore', AWS_ENDPOINT_URL_S3: s3.url, AWS_REGION: REGION };
    expect(await run(['fleet', 's3://bkt'], variables)).toMatchObject({ code: 0 });
    const wrong = { ...variables, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:2' };
    expect(await run(['fleet', 's3://bkt'], wrong)).toMatchObject({ code: 69 });
    expect(await run(['fleet', 's3://bkt', '--endpoint-url', s3.url], wrong)).toMatchObject({ code: 0 });
  });

  it.each([
    ['--profile', ['--profile', 'shoer'], {}],
    ['AWS_PROFILE', [], { AWS_PROFILE: 'shoer' }],
  ])('lacks a profile that %s names: that is said, and nobody is asked without keys', async (subject, words, more) => {
    const { s3, run } = await desk(SHORE);
    const where = { AWS_ENDPOINT_URL_S3: s3.url, ...more };
    for (const command of [
      ['fleet', 's3://bkt'],
      ['userdata', 's3://bkt/planet'],
      ['doctor', 's3://bkt/planet'],
    ]) {
      const { code, stderr } = await run([...command, ...words], where);
      expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining(subject) });
      expect(stderr).toMatch(/has no profile shoer\n.*next: name one that is there: aws configure list-profiles\n$/);
    }
    expect(s3.log).toEqual([]);
  });

  it('has another endpoint for EC2 than for S3 where it says so', async () => {
    const { s3, ec2, run } = await desk(
      (s3, ec2) =>
        `[profile shore]\nregion = ${REGION}\nservices = mine\n` +
        `[services mine]\ns3 =\n  endpoint_url = ${s3}\nec2 =\n  endpoint_url = ${ec2}\n`,
    );
    const words = ['--profile', 'shore', '--image-id', 'ami-12345678', '--no-wait'];
    const { code, stderr } = await run(['launch', 's3://bkt/planet', ...words]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(ec2.hosts.launched).toHaveLength(1);
    expect(s3.log.length).toBeGreaterThan(0);
  });

  it('is not asked for endpoints where it says that they are not to be', async () => {
    const { s3, run } = await desk((s3) => `${SHORE(s3)}ignore_configured_endpoint_urls = true\n`);
    const { code, stdout } = await run(['userdata', 's3://bkt/planet', '--profile', 'shore', '--dry-run']);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/^HAULOUT_ENDPOINT/m);
    expect(s3.log).toEqual([]);
  });
});
