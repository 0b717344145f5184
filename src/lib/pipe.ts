import { spawnSync } from 'node:child_process';
import { chownSync, closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pipe {
  /** For a child's standard output and error; close it here once the child has it. */
  readonly writeEnd: number;
  readonly reader: Socket;
}

/**
 * A real pipe that belongs to `owner`. What Node hands to a child is a socket, and a socket cannot be opened by name:
 * `echo x > /dev/stderr` fails in every hook that says it (ENXIO). Of a pipe of root's, only root may open it so.
 */
export function openPipe(owner: { readonly uid: number; readonly gid: number }): Pipe {
  const directory = makeDirectory();
  const path = join(directory, 'pipe');
  try {
    const made = spawnSync('mkfifo', ['-m', '600', path], { stdio: 'ignore', timeout: 10_000 });
    if (made.status !== 0) throw made.error ?? new Error(`mkfifo ended with ${made.status}`);
    chownSync(path, owner.uid, owner.gid);
    // The reading end first and without waiting: the other way round, opening would wait for somebody to read.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeEnd = openSync(path, constants.O_WRONLY);
    return { writeEnd, reader: new Socket({ fd: readEnd, readable: true, writable: false }) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** In memory where that is possible: a service must be looked after on a full disk too. */
function makeDirectory(): string {
  const name = 'haulout-pipe-';
  try {
    return mkdtempSync(join('/run', name));
  } catch {
    return mkdtempSync(join(tmpdir(), name));
  }
}

export function closeWriteEnd(pipe: Pipe): void {
  closeSync(pipe.writeEnd);
}
