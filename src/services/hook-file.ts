import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorCode, HauloutError } from '../lib/errors.ts';
import { visible } from '../lib/log.ts';
import { canExecute, onSystemPath } from '../lib/present.ts';

const HEAD = 512;
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/**
 * Whether a hook is there; throws when it is there and the kernel would refuse it. Asked beforehand because afterwards
 * there is only an exit code, 126 or 127, that the hook itself may have chosen.
 */
export async function hasHook(directory: string, hook: string, service: string): Promise<boolean> {
  const path = join(directory, 'bin', hook);
  const there = await stat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (there === undefined) return false;
  const fault = there.isFile() ? await faultOf(path, there.mode) : NOT_A_FILE;
  if (fault === undefined) return true;
  const name = `bin/${hook}`;
  throw new HauloutError({
    code: 'hook-not-runnable',
    step: 'service',
    subject: `service:${service}`,
    reason: `${name} ${fault.reason}`,
    hint: fault.hint,
  });
}

interface Fault {
  readonly reason: string;
  readonly hint: string;
}

const NOT_A_FILE: Fault = { reason: 'is not a file', hint: 'put an executable file in its place' };

async function faultOf(path: string, mode: number): Promise<Fault | undefined> {
  if ((mode & 0o111) === 0) {
    return {
      reason: 'is not executable (EACCES)',
      hint: 'upload the image again; a hook must not take its own x bit away',
    };
  }
  const head = await readHead(path);
  if (head.subarray(0, ELF.length).equals(ELF)) return undefined;
  const [line = ''] = head.toString('latin1').split('\n', 1);
  if (!line.startsWith('#!')) {
    return { reason: 'is no program (ENOEXEC)', hint: 'begin it with a line such as #!/bin/sh' };
  }
  if (line.endsWith('\r')) {
    return { reason: 'has Windows line ends', hint: 'save it with Unix line ends (dos2unix)' };
  }
  return interpreterFault(
    line
      .slice(2)
      .trim()
      .split(/[ \t]+/),
  );
}

async function interpreterFault(words: readonly string[]): Promise<Fault | undefined> {
  const [interpreter = '', ...rest] = words;
  const missing = (name: string): Fault => ({
    reason: `needs ${visible(name).slice(0, 100)}, which is not there (ENOENT)`,
    hint: 'correct its first line, or add the package that brings the interpreter to [packages]',
  });
  const there = await stat(interpreter).catch(() => undefined);
  if (interpreter === '' || there === undefined) return missing(interpreter || 'an interpreter');
  const runnable = there.isFile() && (await canExecute(interpreter));
  if (!runnable) return { reason: 'names an interpreter that is no program (EACCES)', hint: 'correct its first line' };
  const program = basename(interpreter) === 'env' ? rest.find((word) => !/^-|=/.test(word)) : undefined;
  if (program === undefined || program.includes('/') || (await onSystemPath(program))) return undefined;
  return missing(program);
}

async function readHead(path: string): Promise<Buffer> {
  // Non-blocking: between `stat` and here the service's user may have put a fifo in its place.
  const file: FileHandle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
