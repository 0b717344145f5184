import { canRunMachines, checkPort, type Ec2LogEntry, LocalCloud } from '../../cloud/local.ts';
import { EXIT } from '../../lib/exit.ts';
import { lineLog } from '../../lib/log.ts';
import { distPath } from '../dist-files.ts';
import { data, say } from '../talk.ts';
import { untilSignal } from '../until-signal.ts';
import { type CloudFlags, type CloudOptions, readOptions } from './options.ts';

/**
 * `haulout cloud`: the local cloud by itself, in the foreground, for any client of S3 and EC2. What clients need stands on
 * standard output, as lines for a shell or as JSON; talk goes to standard error. However it ends, nothing is left.
 */
export async function cloud(flags: CloudFlags): Promise<number> {
  return await untilSignal((stop) => serve(flags, stop));
}

async function serve(flags: CloudFlags, stop: AbortSignal): Promise<number> {
  const options = await readOptions(flags);
  for (const port of [options.s3Port, options.ec2Port]) if (port !== 0) await checkPort(port);
  const able = await canRunMachines();
  if (stop.aborted) return EXIT.interrupted;
  const cloud = await LocalCloud.open({
    log: lineLog((line) => process.stderr.write(line), { least: 'warn' }),
    gatewayScript: distPath('gateway.mjs'),
    region: options.region,
    s3Port: options.s3Port,
    ec2Port: options.ec2Port,
    addressPorts: options.addressPorts,
    onEc2Request: tell,
  });
  try {
    await fill(cloud, options);
    (options.json ? printJson : printLines)(cloud);
    say(`S3 at ${cloud.endpoint}, in instances at ${cloud.instanceEndpoint}`);
    say(`EC2 at ${cloud.ec2Endpoint}, in instances at ${cloud.ec2InstanceEndpoint}`);
    if (!able.ok) say(`RunInstances is refused: ${able.reason}`, `next: ${able.hint}`);
    say('Ctrl-C ends it, and all that is in it.');
    if (!stop.aborted) await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()));
    return EXIT.interrupted;
  } finally {
    await cloud.close();
  }
}

async function fill(cloud: LocalCloud, { buckets, mirrors }: CloudOptions): Promise<void> {
  for (const bucket of buckets) cloud.s3.createBucket(bucket);
  for (const { directory, bucket, prefix } of mirrors) {
    const mirror = await cloud.mirror(directory, bucket, prefix);
    await mirror.watch(({ key, what }) => say(`${what} s3://${bucket}/${key}`));
  }
}

/** What is only looked at is not told: clients that wait look every few seconds. */
function tell({ action, parameters, error }: Ec2LogEntry): void {
  if (error !== undefined) say(`${action} was refused: ${error}`);
  else if (!action.startsWith('Describe') && !action.startsWith('Get'))
    say(`${action} ${aboutWhom(parameters)}`.trim());
}

/** The ids and addresses of a request. */
function aboutWhom(parameters: Readonly<Record<string, string>>): string {
  const named = Object.entries(parameters).filter(([name]) => /(^|\.)[A-Z]\w*(Id|Ip|Name)(\.\d+)?$/.test(name));
  return named.map(([, value]) => value).join(' ');
}

/** Secrets are on standard output because they are the data: made up at this start, and good for this cloud alone. */
function printLines(cloud: LocalCloud): void {
  const variables = {
    AWS_ENDPOINT_URL_S3: cloud.endpoint,
    AWS_ENDPOINT_URL_EC2: cloud.ec2Endpoint,
    AWS_ACCESS_KEY_ID: cloud.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.secretAccessKey,
    AWS_REGION: cloud.region,
    AWS_DEFAULT_REGION: cloud.region,
  };
  for (const [name, value] of Object.entries(variables)) process.stdout.write(`export ${name}=${value}\n`);
}

function printJson(cloud: LocalCloud): void {
  const { endpoint, ec2Endpoint, instanceEndpoint, ec2InstanceEndpoint } = cloud;
  const { region, accessKeyId, secretAccessKey } = cloud;
  const desk = { region, accessKeyId, secretAccessKey, endpoint, ec2Endpoint };
  data({ schema: 1, ...desk, instanceEndpoint, ec2InstanceEndpoint });
}
