import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCode } from '../lib/errors.ts';
import { SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import { Refusal } from './image-policy.ts';

const CHUNK = 65_536;
const LONGEST_MS = 600_000;

/** The tar stream inside a file. Whoever reads it counts; stopping early ends everything behind it. */
export function tarBytes(path: string, format: 'tar' | 'gzip' | 'bzip2'): AsyncIterable<Buffer> {
  if (format === 'tar') return createReadStream(path, { highWaterMark: CHUNK });
  return format === 'gzip' ? gunzipped(path) : bunzipped(path);
}

function gunzipped(path: string): AsyncIterable<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK });
  pipeline(createReadStream(path), gunzip, () => undefined); // an error of either reaches who iterates
  return gunzip;
}

/** Node has no bzip2; the system's program does the work, in a pipe, without seeing a name from the bucket. */
async function* bunzipped(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    yield* piped(file);
  } finally {
    await file.close();
  }
}

async function* piped(file: FileHandle): AsyncGenerator<Buffer> {
  const child = spawn('bzip2', ['-dc'], { stdio: [file.fd, 'pipe', 'ignore'], env: { ...SYSTEM_ENVIRONMENT } });
  const ended = endOf(child);
  const deadline = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  try {
    for await (const chunk of child.stdout!) yield chunk;
    const fault = await ended;
    if (fault !== undefined) throw fault;
  } finally {
    clearTimeout(deadline);
    child.kill('SIGKILL');
    await ended;
  }
}

function endOf(child: ChildProcess): Promise<Refusal | undefined> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (errorCode(error) !== 'ENOENT') return resolve(new Refusal('bzip2 cannot be run'));
      const hint = 'add `bzip2 =` to [packages] of haulout.ini, or repack the image as .tgz';
      resolve(new Refusal('needs the program bzip2, which this machine does not have', hint));
    });
    child.once('exit', (code) => {
      resolve(code === 0 ? undefined : new Refusal('is not a whole bzip2 file', 'upload the archive again'));
    });
  });
}
