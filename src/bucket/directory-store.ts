import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { S3Error } from '../aws/s3-error.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Listed, Store, StoredObject } from './store.ts';

/**
 * A directory on the desk, read as if it were a bucket: for `plan`, `lint` and tests. Entity tags are inode, size and time.
 * A prefix is a directory: it ends in a slash or is empty.
 */
export function directoryStore(directory: string): Store {
  let bytes = 0;
  let requests = 0;
  return {
    name: `directory ${directory}`,
    async list(prefix, delimiter): Promise<Listed> {
      requests++;
      return await listDirectory(directory, prefix, delimiter);
    },
    async read(object, sink) {
      requests++;
      await sink.restart();
      await checkSame(directory, object);
      let size = 0;
      for await (const chunk of createReadStream(join(directory, object.key)) as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > object.size) throw changed(object);
        bytes += chunk.length;
        await sink.write(chunk);
      }
      await checkSame(directory, object);
    },
    serverDate: () => Date.now(),
    cost: () => ({ requests, bytes }),
  };
}

async function listDirectory(root: string, prefix: string, delimiter: '/' | undefined): Promise<Listed> {
  const start = join(root, prefix);
  const entries = await readdir(start, { withFileTypes: true, recursive: delimiter === undefined }).catch((error) => {
    if (prefix !== '' && error.code === 'ENOENT') return [];
    throw new HauloutError(
      {
        code: 'directory-unreadable',
        step: 'bucket',
        subject: start,
        reason: `the directory cannot be read (${error.code})`,
        hint: 'name a directory that holds a haulout.ini; `haulout init` makes one',
      },
      error,
    );
  });
  const objects: StoredObject[] = [];
  const prefixes: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) {
      if (delimiter !== undefined) prefixes.push(`${key(root, path)}/`);
      continue;
    }
    const object = await describe(root, path);
    if (object) objects.push(object);
  }
  // As a bucket lists them; the order of a directory's entries is nobody's.
  objects.sort((a, b) => byBytes(a.key, b.key));
  return { objects, prefixes: prefixes.sort(byBytes) };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function checkSame(root: string, object: StoredObject): Promise<void> {
  const now = await describe(root, join(root, object.key));
  if (!now) throw new S3Error(404, 'NoSuchKey', 'read', object.key);
  if (now.etag !== object.etag) throw changed(object);
}

function changed({ key }: StoredObject): S3Error {
  return new S3Error(412, 'PreconditionFailed', 'read', key);
}

/** Links to files are followed, as an upload of the directory would; links to directories are not. Undefined: gone, or not a file. */
async function describe(root: string, path: string): Promise<StoredObject | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  return {
    key: key(root, path),
    size: Number(found.size),
    etag: `${found.ino}-${found.size}-${found.mtimeNs}`,
    lastModified: Number(found.mtimeMs),
  };
}

function key(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}
