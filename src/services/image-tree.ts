import { constants } from 'node:fs';
import { chmod, type FileHandle, lchown, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Piece } from './archive.ts';
import { NameBook } from './image-policy.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Writes pieces below `tree`, which nobody but root can reach yet: modes and owners are set when all of it is there. */
export async function fillTree(tree: string, pieces: AsyncIterable<Piece>, entries: number): Promise<void> {
  const book = new NameBook(entries);
  let file: FileHandle | undefined;
  try {
    for await (const piece of pieces) {
      if (piece.kind === 'data') await writeAll(file!, piece.chunk);
      else if (piece.kind === 'directory') await makeDirectory(tree, book.claim(piece.name, 'directory'));
      else if (piece.kind === 'file') file = await createFile(tree, book.claim(piece.name, 'file')!, piece.executable);
      else {
        await file!.close();
        file = undefined;
      }
    }
  } finally {
    await file?.close();
  }
}

async function makeDirectory(tree: string, path: string | undefined): Promise<void> {
  if (path !== undefined) await mkdir(join(tree, path), { recursive: true, mode: 0o700 });
}

async function createFile(tree: string, path: string, executable: boolean): Promise<FileHandle> {
  await makeDirectory(tree, join(path, '..'));
  const file = await open(join(tree, path), CREATE, 0o600);
  if (executable) await file.chmod(0o700);
  return file;
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.length) written += (await file.write(chunk, written)).bytesWritten;
}

/** What a Mac puts beside a directory that it packs. */
const BESIDE = /^(\.DS_Store|__MACOSX|\._.*)$/;

/** `planet-1.2/bin/start` is what most archivers make of a directory: one directory around it all is taken off. */
export async function contentOf(tree: string): Promise<string> {
  const found = await readdir(tree, { withFileTypes: true });
  const [only, ...others] = found.filter(({ name }) => !BESIDE.test(name));
  if (only === undefined || others.length > 0 || !only.isDirectory() || only.name === 'bin') return tree;
  const inner = join(tree, only.name);
  const inside = await readdir(inner, { withFileTypes: true });
  return inside.some((entry) => entry.name === 'bin' && entry.isDirectory()) ? inner : tree;
}

/** Object stores and some archivers lose the executable bit; what stands here is always a program. */
const PROGRAMS = /^(bin|etc\/(services|run|promise))\//;
const HOOKS = /^bin\/[^/]+$/;

/** Final modes and owners, and Windows line ends out of the hooks; returns what was mended, in words. */
export async function settleTree(tree: string, owner: Owner): Promise<string[]> {
  const notes: string[] = [];
  for (const entry of await readdir(tree, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const relative = path.slice(tree.length + 1);
    if (HOOKS.test(relative) && entry.isFile()) notes.push(...(await mendHook(path, relative)));
    if (entry.isDirectory() || PROGRAMS.test(relative)) await chmod(path, 0o755);
    else await chmod(path, (await isExecutable(path)) ? 0o755 : 0o644);
    await lchown(path, owner.uid, owner.gid);
  }
  await chmod(tree, 0o755);
  await lchown(tree, owner.uid, owner.gid);
  return notes;
}

async function isExecutable(path: string): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return ((await file.stat()).mode & 0o100) !== 0;
  } finally {
    await file.close();
  }
}

const LARGEST_SCRIPT = 4 * 1024 ** 2;
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';

/** The kernel takes the carriage return for a part of the interpreter's name, so such a hook could never run. */
async function mendHook(path: string, name: string): Promise<string[]> {
  const content = await readFile(path);
  if (content.length > LARGEST_SCRIPT) return [];
  const text = content.toString('latin1');
  const script = text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
  if (!script.startsWith('#!')) return [];
  const notes: string[] = [];
  if (script !== text) notes.push(`${name} began with a byte order mark: mended`);
  const mended = /^#![^\n]*\r\n/.test(script) ? script.replaceAll('\r\n', '\n') : script;
  if (mended !== script) notes.push(`${name} had Windows line ends: mended`);
  if (mended !== text) await writeFile(path, mended, 'latin1');
  return notes;
}
