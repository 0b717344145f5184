import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TEMPORARY_PREFIX } from '../../src/lib/durable.ts';
import { bundled, startChild } from '../support/child.ts';
import { command, describeWith } from '../support/needs.ts';
import { scratch } from '../support/scratch.ts';

describe('a process that is killed while it writes', () => {
  const SIZE = 400_000;
  const program = () =>
    bundled(fileURLToPath(new URL('../support/endless-writer.ts', import.meta.url)), join(scratch(), 'writer.mjs'));

  /** Lets a writer write, and kills it so long after it said that it is half through. */
  async function killed(script: string, path: string, how: string, halves: number, afterMs: number): Promise<void> {
    const writer = startChild(script, [path, `${SIZE}`, how]);
    for (let seen = 0; seen < halves; seen++) await writer.line();
    const end = performance.now() + afterMs;
    while (performance.now() < end);
    await writer.kill();
  }

  const isWhole = (path: string) => {
    const content = readFileSync(path);
    return content.length === SIZE && content.equals(Buffer.alloc(SIZE, content.subarray(0, 1)));
  };

  it('forty-four times leaves the old content or the new one, never a torn one', { timeout: 60_000 }, async () => {
    const directory = scratch();
    const path = join(directory, 'file');
    const script = await program();
    writeFileSync(path, Buffer.alloc(SIZE, 'z'));
    const kills = 44;
    for (let i = 0; i < kills; i++) {
      await killed(script, path, 'whole', 1 + (i % 3), (i % 11) / 4);
      expect(isWhole(path)).toBe(true);
      const [file, ...others] = readdirSync(directory).filter((name) => !name.startsWith(TEMPORARY_PREFIX));
      expect([file, others]).toEqual(['file', []]);
    }
    const midway = readdirSync(directory).length - 1;
    console.log(
      `durable: ${kills} writers killed, ${midway} of them while a temporary file was there, 0 torn contents`,
    );
    expect(midway).toBeGreaterThan(kills / 4);
  });

  it('a writer in place tears it: the killing itself is not at fault', async () => {
    const path = join(scratch(), 'file');
    const script = await program();
    writeFileSync(path, Buffer.alloc(SIZE, 'z'));
    let torn = 0;
    for (let i = 0; i < 4 && torn === 0; i++) {
      await killed(script, path, 'in-place', 1, 0);
      if (!isWhole(path)) torn++;
    }
    expect(torn).toBe(1);
  });
});

describeWith([command('strace', 'strace')], 'a whole write as the kernel sees it', () => {
  it('is created 0600, gets its mode before content, is synced, renamed, and its directory synced', async () => {
    const directory = scratch();
    const [program, trace] = [join(directory, 'program.mjs'), join(directory, 'trace')];
    const entry = join(directory, 'entry.ts');
    const source = join(process.cwd(), 'src/lib/durable.ts');
    writeFileSync(
      entry,
      `import { writeWhole } from '${source}';\nprocess.umask(0);\nawait writeWhole('${directory}/target', 'CONTENT', { mode: 0o640 });\n`,
    );
    await bundled(entry, program);
    const calls = 'trace=openat,fchmod,write,pwrite64,fsync,rename';
    execFileSync('strace', ['-f', '-e', calls, '-o', trace, process.execPath, program]);
    const steps = readFileSync(trace, 'utf8')
      .split('\n')
      .map(
        (line) =>
          /openat\(.*haulout-tmp.*O_CREAT.*|fchmod\(.*|write\(.*CONTENT.*|fsync\(.*|rename\(.*/.exec(line)?.[0] ?? '',
      )
      .filter((line) => line !== '' && !line.includes('resumed'));
    expect(steps.map((step) => /^\w+/.exec(step)?.[0])).toEqual([
      'openat',
      'fchmod',
      'write',
      'fsync',
      'rename',
      'fsync',
    ]);
    expect(steps[0]).toMatch(/O_WRONLY\|O_CREAT\|O_EXCL\|O_NOFOLLOW.*, 0600\)/);
    expect(steps[1]).toContain(', 0640)');
  });
});
