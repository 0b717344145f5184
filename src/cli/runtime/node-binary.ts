import { open, readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { errorCode, HauloutError } from '../../lib/errors.ts';
import { run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import type { Architecture } from '../../userdata/runtimes.ts';

/** What the bytes of a Node say of themselves; nothing is run to find out, so that any desk can pack for any machine. */
export interface Identity {
  readonly arch: Architecture;
  /** `24.21.0` */
  readonly version: string;
}

/** e_machine of the ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
const MACHINES: Readonly<Record<number, Architecture>> = { 62: 'x64', 183: 'arm64' };
const ELF_64 = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2]);
const MACHINE_AT = 18;
/** process.release.sourceUrl, which every build of Node has in it. */
const RELEASE = 'download/release/v';
/** A Node that stands alone is 90 MB and more; a distribution's own is a small program around libnode.so. */
const SMALLEST = 32 * 1024 * 1024;
const LARGEST = 512 * 1024 * 1024;
const UNPACK_MS = 300_000;

export function identify(binary: Buffer, subject: string): Identity {
  const arch = binary.subarray(0, ELF_64.length).equals(ELF_64) ? MACHINES[binary.readUInt16LE(MACHINE_AT)] : undefined;
  if (arch === undefined) throw unfit(subject, 'this is no Linux program for x64 or arm64');
  if (binary.length < SMALLEST)
    throw unfit(subject, 'this Node needs libraries beside it, which other machines do not have');
  const at = binary.indexOf(RELEASE);
  const version = /^\d+\.\d+\.\d+/.exec(
    binary.subarray(at + RELEASE.length, at + RELEASE.length + 20).toString('latin1'),
  );
  if (at < 0 || !version) throw unfit(subject, 'this is no Node: it has no version in it');
  const [major = 0, minor = 0] = version[0].split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw unfit(subject, `Node ${version[0]} is too old: 20.19 it must be`);
  return { arch, version: version[0] };
}

/** The Node in a file that is one, or in an archive that has one as DIRECTORY/bin/node (.tar.gz, .tgz, .tar.xz). */
export async function takeNode(path: string): Promise<Buffer> {
  const magic = await firstBytes(path).catch((error: unknown) => {
    throw unfit(path, `it cannot be read (${errorCode(error) ?? 'unknown'})`);
  });
  if (magic.equals(ELF_64)) return await readFile(path);
  if (magic.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))) return await fromTar(await gunzip(path), path);
  if (magic.toString('latin1') === '\xfd7zXZ') return await fromTar(await unxz(path), path);
  throw unfit(path, 'this is neither a Node nor an archive of one');
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(ELF_64.length), 0, ELF_64.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function fromTar(bytes: Buffer, path: string): Promise<Buffer> {
  const { Parser } = await import('tar');
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const parser = new Parser({
      filter: (name, entry) => /^[^/]+\/bin\/node$/.test(name) && entry.size < LARGEST,
      onReadEntry: (entry) => entry.on('data', (chunk: Buffer) => chunks.push(chunk)),
    });
    parser.on('error', reject);
    parser.on('end', () => resolve());
    parser.end(bytes);
  }).catch((error: unknown) => {
    throw unfit(path, `it cannot be unpacked (${error instanceof Error ? error.message : 'no reason given'})`);
  });
  if (chunks.length === 0) throw unfit(path, 'there is no bin/node in it');
  return Buffer.concat(chunks);
}

async function gunzip(path: string): Promise<Buffer> {
  try {
    return gunzipSync(await readFile(path), { maxOutputLength: LARGEST });
  } catch {
    throw unfit(path, 'it cannot be unpacked');
  }
}

async function unxz(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const onOutput = (chunk: Buffer) => {
    size += chunk.length;
    if (size < LARGEST) chunks.push(chunk);
  };
  const how = { env: SYSTEM_ENVIRONMENT, timeoutMs: UNPACK_MS, onOutput };
  const ended = await run(['xz', '-qdc', '--', path], how).catch(() => undefined);
  if (ended?.code === 0 && size < LARGEST) return Buffer.concat(chunks);
  throw unfit(path, ended ? 'it cannot be unpacked' : 'there is no xz here to unpack it');
}

function unfit(subject: string, reason: string): HauloutError {
  const hint = 'name a version, such as --from 24, or a file from https://nodejs.org/dist/ (linux-x64, linux-arm64)';
  return new HauloutError({ code: 'runtime-unfit', step: 'runtime', subject, reason, hint });
}
