import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const MODULE = 'github.com/peak/s5cmd/v2';
export const VERSION = 'v2.3.0';
const BUILD_MS = 900_000;

/** s5cmd, built from its module where Go is, once. Undefined, and said, where it is not. */
export function findS5cmd(skip: (what: string) => void): string | undefined {
  const built = join(homedir(), '.cache', 'haulout-bench', `s5cmd-${VERSION}`);
  if (existsSync(built)) return built;
  try {
    build(built);
    return built;
  } catch (error) {
    skip(`s5cmd: go install ${MODULE}@${VERSION} (${String(error).split('\n')[0]})`);
    return undefined;
  }
}

/** Not `go install`: that asks for the list of all versions, which not every module proxy has. */
function build(target: string): void {
  const go = (words: readonly string[], cwd: string) =>
    execFileSync('go', words, { cwd, encoding: 'utf8', timeout: BUILD_MS, stdio: ['ignore', 'pipe', 'pipe'] });
  const directory = mkdtempSync(join(tmpdir(), 'haulout-s5cmd-'));
  try {
    const { Dir } = JSON.parse(go(['mod', 'download', '-json', `${MODULE}@${VERSION}`], directory)) as { Dir: string };
    const source = join(directory, 'source');
    cpSync(Dir, source, { recursive: true });
    execFileSync('chmod', ['-R', 'u+w', source]);
    go(['build', '-mod=mod', '-ldflags', `-X ${MODULE}/version.Version=${VERSION}`, '-o', target, '.'], source);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
