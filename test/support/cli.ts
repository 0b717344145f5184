import { spawn } from 'node:child_process';
import { CLI } from './try.ts';

export interface CliResult {
  readonly code: number | null;
  readonly bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 60_000;

/** `haulout ...` run to its end, with a clean environment: no credentials and no endpoint but those given. */
export function haulout(
  words: readonly string[],
  how: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<CliResult> {
  const env = { PATH: process.env['PATH'] ?? '', AWS_EC2_METADATA_DISABLED: 'true', ...how.env };
  const child = spawn(process.execPath, [CLI, ...words], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    ...(how.cwd === undefined ? {} : { cwd: how.cwd }),
  });
  const chunks: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const bytes = Buffer.concat(chunks);
      resolve({ code, bytes, stdout: bytes.toString('utf8'), stderr });
    });
  });
}
