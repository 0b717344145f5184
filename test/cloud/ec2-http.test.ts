import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ec2FaultRequest } from '../../src/cloud/ec2/faults.ts';
import type { Fault } from '../../src/cloud/s3/faults.ts';
import { ask, CREDENTIALS, type Form, type RunningEc2, startEc2 } from '../support/ec2.ts';
import { KEY, raw } from '../support/s3.ts';

let ec2: RunningEc2;
let fault: (request: Ec2FaultRequest) => Fault | undefined = () => undefined;

beforeEach(async () => {
  fault = () => undefined;
  ec2 = await startEc2({ faults: (request) => fault(request) });
});
afterEach(() => ec2.close());

const send = (form: string, how?: Form) => ask(ec2.url, form, how);
const only = (text: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];

/** `#!/bin/sh` */
const SCRIPT = 'IyEvYmluL3No';
const RUN = `Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&MaxCount=1&MinCount=1&UserData=${SCRIPT}`;
const DESCRIBE = 'Action=DescribeInstances&Version=2016-11-15';

/** Each request as the client sent it, ids put in: what euca2ools 3.4, awscli 2.9.19 and aws-cli 1.45.11 were seen to send. */
describe('recorded requests', () => {
  it('a whole life as euca2ools has it: addresses by themselves, no tokens, any order', async () => {
    const form = `UserData=${SCRIPT}&KeyName=k&Version=2015-10-01&MaxCount=1&Action=RunInstances&MinCount=1&SecurityGroup.1=default&InstanceType=t3.micro&ImageId=ami-12345678`;
    const signedToo = { accept: '*/*', 'accept-encoding': 'gzip, deflate', 'content-length': String(form.length) };
    const run = await send(form, { headers: signedToo });
    expect(run.status).toBe(200);
    expect(run.text).toContain('<RunInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2015-10-01/"><requestId>');
    const id = only(run.text, 'instanceId')!;
    await expect.poll(async () => (await send(DESCRIBE)).text).toContain('<code>16</code><name>running</name>');
    const ip = only((await send('Action=AllocateAddress&Version=2015-10-01')).text, 'publicIp')!;
    const steps: [string, string][] = [
      [`Action=DescribeInstances&InstanceId.1=${id}`, `<instanceId>${id}</instanceId>`],
      ['Action=AllocateAddress&Domain=vpc', '<domain>vpc</domain>'],
      [`Action=AssociateAddress&InstanceId=${id}&PublicIp=${ip}`, '<return>true</return><associationId>eipassoc-'],
      ['Action=DescribeAddresses', `<instanceId>${id}</instanceId>`],
      [`Action=DisassociateAddress&PublicIp=${ip}`, '<return>true</return>'],
      [`Action=ReleaseAddress&PublicIp=${ip}`, '<return>true</return>'],
      [`Action=GetConsoleOutput&InstanceId=${id}`, `<instanceId>${id}</instanceId>`],
      [`Action=TerminateInstances&InstanceId.1=${id}`, '<code>32</code><name>shutting-down</name>'],
    ];
    for (const [form, answer] of steps) {
      const { status, text } = await send(`${form}&Version=2015-10-01`);
      expect({ status, text }, form).toEqual({ status: 200, text: expect.stringContaining(answer) });
    }
  });

  it('a launch and the address forms of the aws CLI', async () => {
    const run = await send(
      `Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&InstanceType=t3.micro&KeyName=k&MaxCount=1&MinCount=1&SecurityGroupId.1=sg-1&SubnetId=subnet-1&UserData=${SCRIPT}&ClientToken=tok1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=web&IamInstanceProfile.Name=boot&MetadataOptions.HttpTokens=required`,
    );
    expect(run.status).toBe(200);
    const id = only(run.text, 'instanceId')!;
    await expect.poll(async () => (await send(DESCRIBE)).text).toContain('<name>running</name>');
    const found = await send(
      `${DESCRIBE}&InstanceId.1=${id}&Filter.1.Name=instance-state-name&Filter.1.Value.1=running&Filter.1.Value.2=pending`,
    );
    expect(found.text).toContain(id);
    const allocation = only((await send('Action=AllocateAddress&Version=2016-11-15')).text, 'allocationId')!;
    const associated = await send(
      `Action=AssociateAddress&AllocationId=${allocation}&AllowReassociation=true&InstanceId=${id}&Version=2016-11-15`,
    );
    const association = only(associated.text, 'associationId');
    expect(association).toMatch(/^eipassoc-/);
    for (const form of [
      `Action=DisassociateAddress&AssociationId=${association}`,
      `Action=ReleaseAddress&AllocationId=${allocation}`,
      `Action=DescribeInstanceStatus&InstanceId.1=${id}`,
      `Action=TerminateInstances&InstanceId.1=${id}`,
    ])
      expect(await send(`${form}&Version=2016-11-15`), form).toMatchObject({ status: 200 });
  });

  it('a request without a body, its words in the query', async () => {
    const { status, text } = await raw(ec2.url, { rawPath: '/?Action=DescribeInstances&Version=2016-11-15' });
    expect({ status, text }).toEqual({ status: 400, text: expect.stringContaining('AWSAccessKeyId') });
  });
});

describe('who asks', () => {
  it.each<[string, Form, number, string]>([
    ['a wrong secret', { key: { ...KEY, secretAccessKey: 'wrong' } }, 401, 'AuthFailure'],
    ['an unknown key', { key: { ...KEY, accessKeyId: 'AKIANOBODY' } }, 401, 'AuthFailure'],
    ['a token that the key has not', { headers: { 'x-amz-security-token': 'x' } }, 401, 'AuthFailure'],
    ['another service', { service: 's3' }, 401, 'AuthFailure'],
    ['yesterday', { at: Date.now() - 86_400_000 }, 400, 'RequestExpired'],
    ['tomorrow', { at: Date.now() + 86_400_000 }, 400, 'RequestExpired'],
  ])('%s is refused', async (_, how, status, code) => {
    expect(await send(DESCRIBE, how)).toMatchObject({ status, code });
  });

  it('the body is part of what is signed', async () => {
    const { headers = {} } = await signedParts(DESCRIBE);
    const forged = await raw(ec2.url, { method: 'POST', body: `${RUN}`, headers });
    expect(forged).toMatchObject({ status: 401, code: 'AuthFailure' });
    expect(ec2.hosts.launched).toEqual([]);
  });

  it('without a signature, or with one of another kind, nobody is known', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const none = await raw(ec2.url, { method: 'POST', body: DESCRIBE, headers: form });
    expect(none).toMatchObject({ status: 400, code: 'MissingParameter' });
    const basic = await raw(ec2.url, {
      method: 'POST',
      body: DESCRIBE,
      headers: { ...form, authorization: 'Basic x' },
    });
    expect(basic).toMatchObject({ status: 401, code: 'AuthFailure' });
  });

  it('a key with a policy may do nothing here', async () => {
    const policy = { Statement: { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' } } as const;
    await ec2.close();
    ec2 = await startEc2({ keys: () => ({ ...CREDENTIALS, policy }) });
    expect(await send(DESCRIBE)).toMatchObject({ status: 403, code: 'UnauthorizedOperation' });
  });

  /** The headers of a request, taken from the way to the endpoint. */
  async function signedParts(form: string) {
    const seen: Record<string, string>[] = [];
    const { createServer } = await import('node:http');
    const server = createServer((incoming, response) => {
      seen.push(incoming.headers as Record<string, string>);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await ask(`http://127.0.0.1:${port}`, form, { headers: { host: new URL(ec2.url).host } });
    server.close();
    const { 'content-length': _, ...headers } = seen[0] ?? {};
    return { headers };
  }
});

describe('what is asked', () => {
  it.each([
    ['Action=RunScheduledInstances&Version=2016-11-15', 'InvalidAction', 'RunScheduledInstances'],
    ['Version=2016-11-15', 'MissingParameter', 'Action'],
    ['Action=DescribeInstances', 'MissingParameter', 'Version'],
    ['Action=DescribeInstances&Version=1', 'NoSuchVersion', '(1)'],
    [`${DESCRIBE}&Color=red`, 'UnknownParameter', 'Color'],
    [`${DESCRIBE}&Filter.1.Name=instance-id`, 'InvalidParameterValue', 'no values'],
    [`${DESCRIBE}&InstanceId.1=i-12345678&InstanceId.1=i-87654321`, 'MalformedQueryString', 'InstanceId.1'],
    ['Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&MaxCount=1', 'MissingParameter', 'MinCount'],
    ['Action=RunInstances&Version=2016-11-15&MinCount=1&MaxCount=1', 'MissingParameter', 'ImageId'],
    ['Action=TerminateInstances&Version=2016-11-15', 'MissingParameter', 'InstanceId'],
    ['Action=AssociateAddress&Version=2016-11-15&AllowReassociation=x', 'MissingParameter', 'AllocationId'],
  ])('%s is refused', async (form, code, word) => {
    const reply = await send(form);
    expect(reply).toMatchObject({ status: 400, code });
    expect(only(reply.text, 'Message')).toContain(word);
    expect(reply.text).toMatch(/^<\?xml.*\n<Response><Errors><Error>.*<\/Errors><RequestID>[0-9a-f-]{36}<\/RequestID>/);
  });

  it('what is not a form, or is endless, is refused', async () => {
    const json = await send('{}', { headers: { 'content-type': 'application/json' } });
    expect(json).toMatchObject({ status: 400, code: 'InvalidRequest' });
    const long = await send(`${DESCRIBE}&Filter.1.Name=${'x'.repeat(2_000_000)}`).catch(() => undefined);
    if (long) expect(long).toMatchObject({ status: 400, code: 'InvalidRequest' });
    expect(await send(DESCRIBE, { path: '/services' })).toMatchObject({ status: 400, code: 'InvalidRequest' });
  });
});

describe('faults', () => {
  it('before: it is not carried out', async () => {
    fault = ({ action, moment }) =>
      action === 'RunInstances' && moment === 'before' ? { status: 503, code: 'Unavailable' } : undefined;
    expect(await send(RUN)).toMatchObject({ status: 503, code: 'Unavailable' });
    fault = ({ moment }) => (moment === 'before' ? { cutAfterBytes: 0 } : undefined);
    await expect(send(RUN)).rejects.toMatchObject({ code: 'ECONNRESET' });
    fault = () => undefined;
    expect((await send(DESCRIBE)).text).toContain('<reservationSet/>');
  });

  it('after: it is, and only the answer is lost', async () => {
    fault = ({ action, moment }) =>
      action === 'RunInstances' && moment === 'after' ? { cutAfterBytes: 0 } : undefined;
    await expect(send(`${RUN}&ClientToken=t`)).rejects.toMatchObject({ code: 'ECONNRESET' });
    fault = ({ moment }) => (moment === 'after' ? { cutAfterBytes: 100 } : undefined);
    await expect(send(`${RUN}&ClientToken=t`)).rejects.toThrow();
    fault = ({ moment }) => (moment === 'after' ? { status: 500, code: 'InternalError' } : undefined);
    expect(await send(`${RUN}&ClientToken=t`)).toMatchObject({ status: 500, code: 'InternalError' });
    fault = () => undefined;
    const again = await send(`${RUN}&ClientToken=t`);
    const all = await send(DESCRIBE);
    expect(all.text.match(/<instanceId>/g)).toHaveLength(1);
    expect(only(again.text, 'instanceId')).toBe(only(all.text, 'instanceId'));
  });

  it('may come late', async () => {
    fault = ({ moment }) => (moment === 'before' ? { stallMs: 300 } : undefined);
    const began = performance.now();
    expect(await send(DESCRIBE)).toMatchObject({ status: 200 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(299);
  });
});

it('every request is told', async () => {
  await send(`${DESCRIBE}&Filter.1.Name=instance-id&Filter.1.Value.1=i-12345678`);
  await send('Action=Nothing&Version=2016-11-15');
  expect(ec2.log).toEqual([
    expect.objectContaining({
      action: 'DescribeInstances',
      status: 200,
      accessKeyId: KEY.accessKeyId,
      parameters: expect.objectContaining({ 'Filter.1.Value.1': 'i-12345678' }),
    }),
    expect.objectContaining({ action: 'Nothing', status: 400, error: 'InvalidAction' }),
  ]);
});

it('an endpoint that is closing takes no more', async () => {
  await ec2.endpoint.close();
  expect(await send(DESCRIBE)).toMatchObject({ status: 503, code: 'Unavailable' });
});
