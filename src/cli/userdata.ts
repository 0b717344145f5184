import type { Endpoint } from '../aws/location.ts';
import { BucketWriter } from '../aws/write.ts';
import { WAKE_NAME } from '../fleet/wake.ts';
import { sha256 } from '../lib/digest.ts';
import { HauloutError } from '../lib/errors.ts';
import { EXIT } from '../lib/exit.ts';
import { FORMATS, formatUserdata, type UserdataFormat } from '../userdata/formats.ts';
import { agentKey } from '../userdata/pin.ts';
import { PLATFORMS, type Platform } from '../userdata/platforms.ts';
import { type Measured, measure, renderUserdata } from '../userdata/render.ts';
import { type Settings, settingsRecord } from '../userdata/settings.ts';
import { settingsFrom } from './desk-settings.ts';
import { readDist } from './dist-files.ts';
import { intoFile } from './into-file.ts';
import { endpointOf } from './live.ts';
import { uploadTrouble } from './sdk-trouble.ts';
import { data, paint, say } from './talk.ts';
import { type ChosenRuntimes, runtimesInState, runtimesOf } from './userdata-runtimes.ts';

export interface UserdataOptions {
  readonly format: string;
  readonly role?: string;
  readonly state?: string;
  readonly settle?: string;
  readonly anonymous?: boolean;
  readonly owner?: string;
  readonly runtime?: string;
  readonly embed?: boolean;
  readonly platform?: string;
  readonly limit?: string;
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
  const { bytes, settings, format, platform, measured, agent, runtime } = await makeUserdata(bucket, options);
  const printed = options.into === undefined ? bytes : await intoFile(options.into, bytes);
  const { bytes: size, headroom } = measured;
  if (options.json) {
    const body = format === 'gzip' ? { base64: bytes.toString('base64') } : { script: bytes.toString('utf8') };
    const { key, upload } = agent;
    data({ schema: 1, format, size, headroom, settings: settingsRecord(settings), agent: { key, upload }, ...body });
    return EXIT.done;
  }
  if (printed === bytes && format === 'gzip' && process.stdout.isTTY) throw binary();
  process.stdout.write(printed);
  say(
    `agent ${settings.agent.slice(0, 12)} (${Math.round(agent.size / 1024)} KiB): ${agent.upload}`,
    `runtime: ${runtime}`,
    `user-data: ${paint.bold(`${size} bytes`)}, ${headroom} to spare of what ${platform.name} takes`,
    `next: ${options.into === undefined ? launchLine(format) : 'give the file to the tool that it is for'}`,
  );
  return EXIT.done;
}

/** User-data as it is handed to a cloud, its agent in the bucket. */
export interface MadeUserdata {
  readonly bytes: Buffer;
  readonly settings: Settings;
  readonly format: UserdataFormat;
  readonly platform: Platform;
  readonly measured: Measured;
  /** In words, where its runtime is. */
  readonly runtime: string;
  readonly agent: { readonly key: string; readonly size: number; readonly upload: string };
}

/** Refused before anything is uploaded, where it does not fit. */
export async function makeUserdata(bucket: string, options: UserdataOptions): Promise<MadeUserdata> {
  const [format, platform] = formatFor(options);
  const agent = await readDist('agent.mjs');
  const template = (await readDist('bootstrap.js')).toString('utf8');
  const plain = await settingsFrom(bucket, sha256(agent), options);
  const desk = new Desk(options, await endpointOf(options));
  try {
    const { runtimes, words } = await desk.runtimes(plain);
    const settings: Settings = { ...plain, runtimes };
    const bytes = formatUserdata(renderUserdata(template, settings, options.embed ? agent : undefined), format);
    const measured = measure(bytes, platform.limit);
    if (!measured.fits) throw tooLarge(measured, platform, options);
    const key = agentKey(settings.state, settings.agent);
    const upload = await desk.upload(settings.state.bucket, key, agent);
    await desk.openWake(settings.state);
    return {
      bytes,
      settings,
      format,
      platform,
      measured,
      runtime: words,
      agent: { key, size: agent.length, upload },
    };
  } finally {
    desk.close();
  }
}

function launchLine(format: UserdataFormat): string {
  return `aws ec2 run-instances --user-data ${format === 'gzip' ? 'fileb' : 'file'}://bootstrap.js ...`;
}

/** What this command asks of the bucket, and what it says when it must not. */
class Desk {
  readonly #options: UserdataOptions;
  readonly #writer: BucketWriter;

  constructor(options: UserdataOptions, endpoint: Endpoint) {
    this.#options = options;
    const profile = options.profile ? { profile: options.profile } : {};
    this.#writer = new BucketWriter({ endpoint, owner: options.owner, ...profile });
  }

  async runtimes({ state }: Settings): Promise<ChosenRuntimes> {
    if (this.#options.runtime !== undefined) return runtimesOf(this.#options.runtime);
    if (this.#options.dryRun) return { runtimes: {}, words: 'not looked for (--dry-run); --runtime names one' };
    return await runtimesInState(this.#writer, state);
  }

  async upload(bucket: string, key: string, agent: Buffer): Promise<string> {
    if (this.#options.embed) return 'in the script';
    if (this.#options.dryRun) return 'not uploaded (--dry-run)';
    try {
      const result = await this.#writer.put(bucket, key, agent, { createOnly: true, contentType: 'text/javascript' });
      return result === 'exists' ? 'in the bucket already' : `uploaded to s3://${bucket}/${key}`;
    } catch (error) {
      throw uploadTrouble('agent', `s3://${bucket}/${key}`, error);
    }
  }

  /**
   * There from the beginning: to machines that may not list the state, what is not there is forbidden, and they look for it ever more
   * seldom. Whoever may not write it can launch all the same.
   */
  async openWake({ bucket, prefix }: Settings['state']): Promise<void> {
    if (this.#options.dryRun) return;
    const body = Buffer.from('{"schema":1}\n');
    const key = `${prefix === '' ? '' : `${prefix}/`}${WAKE_NAME}`;
    await this.#writer
      .put(bucket, key, body, { createOnly: true, contentType: 'application/json' })
      .catch(() => undefined);
  }

  close(): void {
    this.#writer.close();
  }
}

/** The form, and how much of it the platform takes. */
function formatFor(options: UserdataOptions): [UserdataFormat, Platform] {
  const format = FORMATS.find((known) => known === options.format);
  if (!format) throw usage('--format', 'there is no such format', `write one of: ${FORMATS.join(' ')}`);
  const named = options.platform ?? 'ec2';
  const platform = PLATFORMS.find(({ name }) => name === named);
  if (!platform) {
    const names = PLATFORMS.map(({ name }) => name).join(' ');
    throw usage('--platform', 'this platform is not known', `write one of: ${names}; or --limit BYTES`);
  }
  if (platform.textOnly && format === 'gzip')
    throw usage('--format gzip', `${platform.name} takes text alone`, 'use --format raw');
  if (options.limit === undefined) return [format, platform];
  if (!/^[1-9]\d{0,9}$/.test(options.limit))
    throw usage('--limit', 'this is no number of bytes', 'write --limit 65535');
  return [format, { ...platform, name: '--limit', limit: Number(options.limit) }];
}

function tooLarge({ bytes, headroom }: Measured, { name }: Platform, { embed }: UserdataOptions): HauloutError {
  return new HauloutError({
    code: 'userdata-too-large',
    step: 'userdata',
    subject: 'bootstrap.js',
    reason: `${bytes} bytes are ${-headroom} more than ${name === 'ec2' ? 'a cloud' : name} takes`,
    hint: embed
      ? 'leave out --embed: the agent is then fetched from the bucket; or say --platform or --limit where more is taken'
      : 'use --format gzip, or shorter names for bucket, prefix and endpoint',
  });
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'userdata', subject, reason, hint });
}

function binary(): HauloutError {
  const hint = 'write it to a file: haulout userdata ... --format gzip > bootstrap.js.gz';
  return usage('--format gzip', 'this is binary, and standard output is a terminal', hint);
}
