import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import type { Piece } from './archive.ts';
import { type Budget, type Limits, Refusal, show } from './image-policy.ts';

interface Member {
  readonly entry: Entry;
  readonly start: number;
  readonly end: number;
}

/**
 * A zip archive as pieces. Both of its directories are read and compared before the first byte is unpacked: a zip says
 * everything twice, and an archive that says two things is made to deceive.
 */
export async function* readZip(path: string, limits: Limits, budget: Budget): AsyncGenerator<Piece> {
  const yauzl = await import('yauzl');
  const open = yauzl.openPromise ?? yauzl.default.openPromise;
  const zip = await open(path, {
    autoClose: false,
    lazyEntries: true,
    strictFileNames: true,
    validateEntrySizes: true,
  });
  try {
    const members = await readMembers(zip, limits);
    refuseOverlap(members);
    for (const { entry } of members) yield* readMember(zip, entry, budget);
  } finally {
    zip.close();
  }
}

async function readMembers(zip: ZipFile, limits: Limits): Promise<Member[]> {
  const members: Member[] = [];
  let metadata = 0;
  for await (const entry of zip.eachEntry()) {
    metadata += 46 + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
    if (metadata > limits.metadataBytes) throw new Refusal('holds too much metadata');
    if (members.length >= limits.entries) throw new Refusal(`holds more than ${limits.entries} files and directories`);
    checkEntry(entry);
    const local = await zip.readLocalFileHeaderPromise(entry);
    const fault = mismatch(entry, local);
    if (fault !== undefined)
      throw new Refusal(`entry ${show(entry.fileName)} is described twice, with another ${fault}`);
    const start = entry.relativeOffsetOfLocalHeader;
    members.push({ entry, start, end: local.fileDataStart + entry.compressedSize });
  }
  return members;
}

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;

function checkEntry(entry: Entry): void {
  const name = show(entry.fileName);
  if (entry.isEncrypted()) throw new Refusal(`entry ${name} is encrypted`, 'pack the image without a password');
  if (!entry.canDecodeFileData()) throw new Refusal(`entry ${name} is compressed in an unknown way`);
  const type = modeOf(entry) & FILE_TYPE;
  if (type !== 0 && type !== REGULAR && type !== DIRECTORY) {
    throw new Refusal(`entry ${name} is not a file or a directory`, 'put a copy of the file in its place');
  }
  if (type !== 0 && (type === DIRECTORY) !== isDirectory(entry)) {
    throw new Refusal(`entry ${name} is a file by its name and a directory by its mode, or the other way round`);
  }
  if (isDirectory(entry) && entry.uncompressedSize !== 0)
    throw new Refusal(`entry ${name} is a directory with content`);
}

const modeOf = (entry: Entry) => entry.externalFileAttributes >>> 16;
const isDirectory = (entry: Entry) => entry.fileName.endsWith('/');

const SIZES_FOLLOW = 0x8;
const IN_ZIP64 = 0xffffffff;

type LocalHeader = Awaited<ReturnType<ZipFile['readLocalFileHeaderPromise']>>;

function mismatch(entry: Entry, local: LocalHeader | { fileDataStart: number }): string | undefined {
  if (!('fileName' in local)) return 'header';
  if (!local.fileName.equals(entry.fileNameRaw)) return 'name';
  if (local.generalPurposeBitFlag !== entry.generalPurposeBitFlag) return 'set of flags';
  if (local.compressionMethod !== entry.compressionMethod) return 'compression';
  if ((entry.generalPurposeBitFlag & SIZES_FOLLOW) !== 0) return undefined;
  if (local.crc32 !== entry.crc32) return 'checksum';
  const differs = (here: number, there: number) => here !== IN_ZIP64 && here !== there;
  if (differs(local.compressedSize, entry.compressedSize)) return 'packed size';
  return differs(local.uncompressedSize, entry.uncompressedSize) ? 'size' : undefined;
}

/** Entries that share bytes are how a small zip becomes an endless one. */
function refuseOverlap(members: readonly Member[]): void {
  let reached = 0;
  for (const { entry, start, end } of [...members].sort((a, b) => a.start - b.start)) {
    if (start < reached) throw new Refusal(`entry ${show(entry.fileName)} lies over another one`);
    reached = end;
  }
}

async function* readMember(zip: ZipFile, entry: Entry, budget: Budget): AsyncGenerator<Piece> {
  if (isDirectory(entry)) {
    yield { kind: 'directory', name: entry.fileName };
    return;
  }
  yield { kind: 'file', name: entry.fileName, executable: (modeOf(entry) & 0o111) !== 0 };
  const content: Readable = await zip.openReadStreamPromise(entry);
  let sum = 0;
  for await (const chunk of content) {
    budget.spend(chunk.length);
    sum = crc32(chunk, sum);
    yield { kind: 'data', chunk };
  }
  if (sum !== entry.crc32) throw new Refusal(`entry ${show(entry.fileName)} has a wrong checksum`, 'upload it again');
  yield { kind: 'end' };
}
