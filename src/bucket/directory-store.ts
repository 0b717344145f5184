import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { S3Error } from '../aws/s3-error.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Listed, Store, StoredObject } from './store.ts';

/** A directory on the desk, read as if it were a bucket: for `plan`, `lint` and tests. Entity tags are size and time. */
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
      for await (const chunk of createReadStream(join(directory, object.key)) as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        await sink.write(chunk);
      }
      const now = await describe(directory, join(directory, object.key));
      if (now?.etag !== object.etag) throw new S3Error(412, 'PreconditionFailed', 'read', object.key);
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
  return { objects, prefixes };
}

/** Links are followed, as an upload of the directory would. Undefined: gone, or not a file. */
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
