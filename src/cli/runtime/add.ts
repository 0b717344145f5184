import { stat } from 'node:fs/promises';
import { type BucketAddress, parseBucketAddress } from '../../aws/location.ts';
import { BucketWriter } from '../../aws/write.ts';
import { HauloutError } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { runtimeKey } from '../../userdata/pin.ts';
import { ARCHITECTURES, type Architecture, runtimesRecord } from '../../userdata/runtimes.ts';
import { addressText } from '../../userdata/settings.ts';
import { endpointOf } from '../live.ts';
import { uploadTrouble } from '../sdk-trouble.ts';
import { data, paint, say } from '../talk.ts';
import { downloadNode } from './download.ts';
import { takeNode } from './node-binary.ts';
import { addToNote } from './note.ts';
import { type PackedRuntime, packRuntime } from './pack.ts';

export interface RuntimeOptions {
  readonly from: string;
  readonly arch?: string;
  readonly state?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `haulout runtime add s3://bucket/prefix --from 24`: a Node for machines that have none into the state, under its sha256. */
export async function addRuntimes(bucket: string, options: RuntimeOptions): Promise<number> {
  const state = stateOf(bucket, options.state);
  const wanted = options.arch === undefined ? undefined : architectures(options.arch);
  const writer = new BucketWriter({
    endpoint: await endpointOf(options),
    ...(options.profile ? { profile: options.profile } : {}),
  });
  try {
    const added: (Omit<PackedRuntime, 'bytes'> & { key: string; size: number; upload: string })[] = [];
    for await (const { bytes, ...runtime } of packed(options.from, wanted)) {
      const key = runtimeKey(state, runtime.sha256);
      const upload = options.dryRun ? 'not uploaded (--dry-run)' : await put(writer, state, key, bytes);
      added.push({ ...runtime, key, size: bytes.length, upload });
      if (!options.json) say(told(runtime, bytes.length, upload));
    }
    if (!options.dryRun) await note(writer, state, added);
    const settings = runtimesRecord(Object.fromEntries(added.map(({ arch, sha256 }) => [arch, sha256])));
    if (options.json) data({ schema: 1, runtimes: added, settings });
    else for (const [name, value] of Object.entries(settings)) process.stdout.write(`${name}=${value}\n`);
    if (!options.json) say(`next: haulout userdata ${bucket} > bootstrap.js`);
    return EXIT.done;
  } finally {
    writer.close();
  }
}

async function* packed(from: string, wanted: readonly Architecture[] | undefined): AsyncGenerator<PackedRuntime> {
  const found = await stat(from).catch(() => undefined);
  if (found?.isFile()) {
    const runtime = await packRuntime(await takeNode(from), from);
    if (wanted && !wanted.includes(runtime.arch))
      throw usage('--arch', `${from} is for ${runtime.arch}`, 'leave it out');
    yield runtime;
    return;
  }
  if (!/^\d+(\.\d+){0,2}$/.test(from)) throw noSource(found?.isDirectory() === true);
  for (const arch of wanted ?? (['x64'] as const)) {
    yield await packRuntime(await downloadNode(from, arch), `node-linux-${arch}@${from}`);
  }
}

function told(
  { arch, version, unpacked, stripped }: Omit<PackedRuntime, 'bytes'>,
  size: number,
  upload: string,
): string {
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const how = stripped ? 'stripped' : `not stripped: there is no strip for ${arch} here`;
  return `Node ${version} for ${arch}: ${paint.bold(mega(size))} to fetch, ${mega(unpacked)} on the machine (${how}); ${upload}`;
}

async function put(writer: BucketWriter, state: BucketAddress, key: string, bytes: Buffer): Promise<string> {
  return await reaching(`s3://${state.bucket}/${key}`, async () => {
    const how = { createOnly: true, contentType: 'application/gzip' };
    const result = await writer.put(state.bucket, key, bytes, how);
    return result === 'exists' ? 'in the bucket already' : `uploaded to s3://${state.bucket}/${key}`;
  });
}

async function note(
  writer: BucketWriter,
  state: BucketAddress,
  added: readonly { arch: Architecture; sha256: string; version: string; size: number }[],
): Promise<void> {
  const entries = added.map(({ arch, sha256, version, size }) => [arch, { sha256, version, size }]);
  await reaching(addressText(state), () => addToNote(writer, state, Object.fromEntries(entries)));
}

async function reaching<T>(subject: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw uploadTrouble('runtime', subject, error);
  }
}

function stateOf(bucket: string, given: string | undefined): BucketAddress {
  const role = parseBucketAddress(bucket);
  if (!role) throw usage(bucket, 'this is not an s3 address', 'write s3://bucket/prefix, as for haulout userdata');
  const state = given === undefined ? { bucket: role.bucket, prefix: '.haulout' } : parseBucketAddress(given);
  if (!state) throw usage('--state', 'this is not an s3 address', 'write --state s3://bucket/prefix');
  return state;
}

function architectures(text: string): Architecture[] {
  return text.split(',').map((word) => {
    const arch = ARCHITECTURES.find((known) => known === word.trim());
    if (arch) return arch;
    throw usage('--arch', 'there is no such architecture', `write --arch ${ARCHITECTURES.join(',')}`);
  });
}

function noSource(isDirectory: boolean): HauloutError {
  return isDirectory
    ? usage('--from', 'this is a directory', 'name the node in it: --from DIRECTORY/bin/node')
    : usage('--from', 'this is neither a file nor a version', 'write --from 24');
}

function usage(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'runtime', subject, reason, hint });
}
