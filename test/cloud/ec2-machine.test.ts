import http from 'node:http';
import net from 'node:net';
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  EC2Client,
  GetConsoleOutputCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ec2LogEntry, LocalCloud, type LocalCloudOptions } from '../../src/cloud/local.ts';
import { MACHINE_NEEDS, quiet, sh, useBench } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';

const bench = useBench();
const PORT = 4_782;
const log: Ec2LogEntry[] = [];
let cloud: LocalCloud;
let client: EC2Client;

async function open(options: LocalCloudOptions = {}): Promise<void> {
  cloud = await LocalCloud.open({
    log: quiet,
    gatewayScript: bench.gateway.script,
    addressPorts: [PORT],
    onEc2Request: (entry) => log.push(entry),
    ...options,
  });
  const { accessKeyId, secretAccessKey, ec2Endpoint, region } = cloud;
  client = new EC2Client({ endpoint: ec2Endpoint, region, credentials: { accessKeyId, secretAccessKey } });
}

async function run(script: string): Promise<string> {
  const { Instances } = await client.send(
    new RunInstancesCommand({
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 1,
      UserData: Buffer.from(script).toString('base64'),
    }),
  );
  return Instances![0]!.InstanceId!;
}

async function instance(id: string) {
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

async function until(id: string, state: string): Promise<void> {
  await expect.poll(async () => (await instance(id)).State?.Name, { timeout: 20_000 }).toBe(state);
}

/** A body from that address, over a connection of its own. */
function get(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ host, port: PORT, agent: false, timeout: 5_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve(text));
        response.on('error', reject);
      })
      .on('error', reject);
  });
}

const serve = (name: string) => `#!/bin/sh
echo "this is ${name}"
node -e 'require("http").createServer((_, answer) => answer.end("${name}")).listen(${PORT})' > /dev/null 2>&1 &
`;

describeWith(MACHINE_NEEDS, 'instances of the EC2 endpoint', () => {
  beforeEach(() => open());
  afterEach(async () => {
    client.destroy();
    await cloud.close();
  });

  test('boot their user-data; an address leads to one, then to the other; they are terminated', async () => {
    const [one, two] = await Promise.all([run(serve('one')), run(serve('two'))]);
    await Promise.all([until(one, 'running'), until(two, 'running')]);
    const { AllocationId, PublicIp } = await client.send(new AllocateAddressCommand({ Domain: 'vpc' }));
    await expect(get(PublicIp!)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await client.send(new AssociateAddressCommand({ InstanceId: one, AllocationId }));
    await expect.poll(() => get(PublicIp!).catch(String), { timeout: 10_000 }).toBe('one');
    const machine = cloud.machine(one)!;
    const ask = `token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
curl -sf -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/`;
    expect((await sh(machine, `${ask}public-ipv4`)).output).toBe(PublicIp);
    expect((await sh(machine, `${ask}instance-id`)).output).toBe(one);

    await client.send(new AssociateAddressCommand({ InstanceId: two, AllocationId }));
    await expect.poll(() => get(PublicIp!).catch(String), { timeout: 10_000 }).toBe('two');
    expect((await sh(machine, `${ask}public-ipv4`)).code).not.toBe(0);

    await client.send(new TerminateInstancesCommand({ InstanceIds: [one] }));
    await until(one, 'terminated');
    expect(await get(PublicIp!)).toBe('two');
    const { Output } = await client.send(new GetConsoleOutputCommand({ InstanceId: one }));
    expect(Buffer.from(Output!, 'base64').toString('utf8')).toBe('this is one\n');
    await client.send(new TerminateInstancesCommand({ InstanceIds: [two] }));
    await until(two, 'terminated');
    await expect(get(PublicIp!)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }, 60_000);

  test('are those of the library too, and see the endpoint themselves', async () => {
    const machine = await cloud.launch({ userData: Buffer.from('#!/bin/sh\n'), role: 'web' });
    expect(await instance(machine.instanceId)).toMatchObject({
      State: { Name: 'running' },
      PrivateIpAddress: machine.address,
      Tags: [{ Key: 'Name', Value: 'web' }],
    });
    expect(cloud.machine(machine.instanceId)).toBe(machine);
    const answer = await sh(machine, `curl -s ${cloud.ec2InstanceEndpoint}/?Action=DescribeInstances`);
    expect(answer.output).toContain('<Code>MissingParameter</Code>');
    await machine.terminate();
    await until(machine.instanceId, 'terminated');
    const next = await cloud.launch({ userData: Buffer.from('#!/bin/sh\n') });
    await client.send(new TerminateInstancesCommand({ InstanceIds: [next.instanceId] }));
    await next.ended;
    await until(next.instanceId, 'terminated');
  });

  test('are given time to end their services, and are killed when they do not take it', async () => {
    const id = await run('#!/bin/sh\n: > /said; tail -f /said &\n');
    await until(id, 'running');
    const machine = cloud.machine(id)!;
    // It stands in for the agent's command.
    await machine.plant('/usr/local/bin/haulout', '#!/bin/sh\necho "$@" >> /said; sleep 1; exit 1\n', 0o755);
    const began = performance.now();
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(performance.now() - began).toBeLessThan(900);
    await until(id, 'terminated');
    expect(performance.now() - began).toBeGreaterThan(1_000);
    const { Output } = await client.send(new GetConsoleOutputCommand({ InstanceId: id }));
    expect(Buffer.from(Output!, 'base64').toString('utf8')).toBe('shutdown --kind shutdown\n');
  });

  test('are rebooted, stopped and started: the disk stays, user-data has run once, the agent comes back', async () => {
    const id = await run('#!/bin/sh\necho ran >> /user-data; echo up\n');
    await until(id, 'running');
    const machine = () => cloud.machine(id)!;
    const look = async (script: string) => (await sh(machine(), script)).output;
    await expect.poll(() => look('cat /user-data')).toBe('ran');
    // It stands in for the agent's command; `run` ends as an agent that was told to.
    await machine().plant('/usr/local/bin/haulout', '#!/bin/sh\necho "$@" >> /agent\n', 0o755);
    await look('echo kept > /srv/kept; echo gone > /run/gone');
    const boot = 'cat /proc/sys/kernel/random/boot_id';
    const boots = [await look(boot)];
    const { address } = machine();

    await sh(
      machine(),
      `node -e 'require("net").createServer(() => undefined).listen(${PORT})' > /dev/null 2>&1 & sleep 0.5`,
    );
    const { AllocationId, PublicIp } = await client.send(new AllocateAddressCommand({}));
    await client.send(new AssociateAddressCommand({ InstanceId: id, AllocationId }));
    const open = net.connect({ host: PublicIp!, port: PORT });
    const ended = new Promise<void>((resolve) => open.once('close', () => resolve()));
    await new Promise<void>((resolve) => open.once('connect', () => resolve()));

    const first = machine().pid;
    await client.send(new RebootInstancesCommand({ InstanceIds: [id] }));
    expect((await instance(id)).State?.Name).toBe('running');
    await expect.poll(() => machine().pid, { timeout: 15_000 }).not.toBe(first);
    await expect.poll(() => look('cat /agent')).toBe('shutdown --kind shutdown\nrun');
    boots.push(await look(boot));
    await ended;
    const { Addresses } = await client.send(new DescribeAddressesCommand({}));
    expect(Addresses).toMatchObject([{ InstanceId: id }]);

    await client.send(new StopInstancesCommand({ InstanceIds: [id] }));
    await until(id, 'stopped');
    await client.send(new StartInstancesCommand({ InstanceIds: [id] }));
    await until(id, 'running');
    await expect.poll(() => look('tail -n 1 /agent')).toBe('run');
    boots.push(await look(boot));
    expect(await look('cat /user-data /srv/kept; ls /run/gone 2>&1; hostname')).toBe(
      `ran\nkept\nls: cannot access '/run/gone': No such file or directory\nip-${address.replaceAll('.', '-')}`,
    );
    expect(machine().address).toBe(address);
    expect(new Set(boots).size).toBe(3);
    for (const name of boots) expect(name).toMatch(/^[0-9a-f-]{36}$/);
    const { Output } = await client.send(new GetConsoleOutputCommand({ InstanceId: id }));
    expect(Buffer.from(Output!, 'base64').toString('utf8')).toBe('up\n');
  }, 60_000);

  test('stop when they go down by themselves, and boot again', async () => {
    const id = await run('#!/bin/sh\n');
    await until(id, 'running');
    process.kill(cloud.machine(id)!.pid, 'SIGKILL');
    await until(id, 'stopped');
    await client.send(new StartInstancesCommand({ InstanceIds: [id] }));
    await until(id, 'running');
  });

  test('a cloud that closes pulls every plug, whatever is under way', async () => {
    const id = await run('#!/bin/sh\n');
    await until(id, 'running');
    await cloud.machine(id)!.plant('/usr/local/bin/haulout', '#!/bin/sh\nsleep 60\n', 0o755);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await run('#!/bin/sh\n');
    const began = performance.now();
    await cloud.close();
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});
