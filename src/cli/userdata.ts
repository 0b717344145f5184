import { parseBucketAddress } from '../aws/location.ts';
import { BucketWriter } from '../aws/write.ts';
import { sha256 } from '../lib/digest.ts';
import { HauloutError } from '../lib/errors.ts';
import { EXIT } from '../lib/exit.ts';
import { FORMATS, formatUserdata, type UserdataFormat } from '../userdata/formats.ts';
import { agentKey } from '../userdata/pin.ts';
import { measure, renderUserdata } from '../userdata/render.ts';
import { addressText, parseSettings, type Settings, settingsRecord } from '../userdata/settings.ts';
import { readDist } from './dist-files.ts';
import { intoFile } from './into-file.ts';
import { endpointOf } from './live.ts';
import { data, paint, say } from './talk.ts';

export interface UserdataOptions {
  readonly format: string;
  readonly role?: string;
  readonly state?: string;
  readonly settle?: string;
  readonly anonymous?: boolean;
  readonly endpointUrl?: string;
  readonly instanceEndpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly into?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `haulout userdata s3://bucket/prefix`: the agent into the bucket under its sha256, the script to stdout. */
export async function userdata(bucket: string, options: UserdataOptions): Promise<number> {
  const format = formatOf(options.format);
  const agent = await readDist('agent.mjs');
  const settings = settingsFrom(bucket, sha256(agent), options);
  const template = (await readDist('bootstrap.js')).toString('utf8');
  const script = renderUserdata(template, settings);
  const bytes = formatUserdata(script, format);
  const { bytes: size, headroom, fits } = measure(bytes);
  if (!fits) throw tooLarge(size, -headroom);
  const printed = options.into === undefined ? bytes : await intoFile(options.into, bytes);

  const key = agentKey(settings.state, settings.agent);
  const upload = options.dryRun ? 'not uploaded (--dry-run)' : await uploadAgent(settings, key, agent, options);
  if (options.json) {
    const body = format === 'gzip' ? { base64: bytes.toString('base64') } : { script: bytes.toString('utf8') };
    data({ schema: 1, format, size, headroom, settings: settingsRecord(settings), agent: { key, upload }, ...body });
    return EXIT.done;
  }
  if (printed === bytes && format === 'gzip' && process.stdout.isTTY) throw binary();
  process.stdout.write(printed);
  say(
    `agent ${settings.agent.slice(0, 12)} (${Math.round(agent.length / 1024)} KiB): ${upload}`,
    `user-data: ${paint.bold(`${size} bytes`)}, ${headroom} to spare of the 16 KB that EC2 takes`,
    `next: ${options.into === undefined ? `aws ec2 run-instances --user-data ${format === 'gzip' ? 'fileb' : 'file'}://bootstrap.js ...` : 'give the file to the tool that it is for'}`,
  );
  return EXIT.done;
}

/** What flags and variables say, as the settings of user-data; doctor and userdata mean the same by them. */
export function settingsFrom(bucket: string, agent: string, options: Omit<UserdataOptions, 'format'>): Settings {
  const address = parseBucketAddress(bucket);
  const endpoint = options.instanceEndpointUrl ?? endpointOf(options).url;
  const region = options.region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  const parsed = parseSettings({
    HAULOUT_BUCKET: address ? addressText(address) : bucket,
    HAULOUT_ENDPOINT: endpoint ?? '',
    HAULOUT_REGION: region ?? '',
    HAULOUT_ANONYMOUS: options.anonymous ? 'true' : '',
    HAULOUT_ROLE: options.role ?? '',
    HAULOUT_STATE: options.state ?? '',
    HAULOUT_SETTLE: options.settle ?? '',
    HAULOUT_AGENT: agent,
  });
  if (parsed.ok) return parsed.settings;
  for (const { subject, reason, hint } of parsed.troubles.slice(1))
    say(`settings: ${subject} ${reason}`, `next: ${hint}`);
  throw new HauloutError({ ...parsed.troubles[0]!, code: 'usage' });
}

async function uploadAgent(settings: Settings, key: string, agent: Buffer, options: UserdataOptions): Promise<string> {
  const writer = new BucketWriter({
    endpoint: endpointOf(options),
    ...(options.profile ? { profile: options.profile } : {}),
  });
  try {
    const how = { createOnly: true, contentType: 'text/javascript' };
    const result = await writer.put(settings.state.bucket, key, agent, how);
    return result === 'exists' ? 'in the bucket already' : `uploaded to s3://${settings.state.bucket}/${key}`;
  } catch (error) {
    throw new HauloutError(
      {
        code: 'upload-failed',
        step: 'bucket',
        subject: `s3://${settings.state.bucket}/${key}`,
        reason: `the agent could not be uploaded (${error instanceof Error ? error.name : 'unknown'})`,
        hint: 'check credentials, --endpoint-url and --region; does the bucket exist?',
      },
      error,
    );
  } finally {
    writer.close();
  }
}

function formatOf(word: string): UserdataFormat {
  const format = FORMATS.find((known) => known === word);
  if (format) return format;
  throw new HauloutError({
    code: 'usage',
    step: 'userdata',
    subject: '--format',
    reason: 'there is no such format',
    hint: `write one of: ${FORMATS.join(' ')}`,
  });
}

function tooLarge(size: number, over: number): HauloutError {
  return new HauloutError({
    code: 'userdata-too-large',
    step: 'userdata',
    subject: 'bootstrap.js',
    reason: `${size} bytes are ${over} more than a cloud takes`,
    hint: 'use --format gzip, or shorter names for bucket, prefix and endpoint',
  });
}

function binary(): HauloutError {
  return new HauloutError({
    code: 'usage',
    step: 'userdata',
    subject: '--format gzip',
    reason: 'this is binary, and standard output is a terminal',
    hint: 'write it to a file: haulout userdata ... --format gzip > bootstrap.js.gz',
  });
}
