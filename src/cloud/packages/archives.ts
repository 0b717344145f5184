import { resolve } from 'node:path';
import { run, SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';

/** What this machine's own apt is configured with: no archive is named here, and no other is ever asked. */
export interface Archives {
  /** `http://host:port` and `https://host:port`, as URL.origin writes them. */
  readonly origins: readonly string[];
  /** The proxy this machine's apt goes through itself. */
  readonly proxy: URL | undefined;
}

const TIMEOUT_MS = 20_000;

/** `root`: an image's directory, whose own sources count besides. Without apt there are no archives. */
export async function archivesOfThisMachine(root?: string): Promise<Archives> {
  const [own, image, proxy] = await Promise.all([
    sites([]),
    root === undefined ? [] : sites(['-o', `Dir=${resolve(root)}`]),
    aptProxy(),
  ]);
  return { origins: [...new Set([...own, ...image])], proxy };
}

async function sites(options: readonly string[]): Promise<string[]> {
  // Without it only those are told whose indexes are here already: of a container's image that is none.
  const all = ['--no-release-info', '--format', '$(SITE)'];
  const lines = await linesOf(['apt-get', ...options, 'indextargets', ...all]);
  return lines.flatMap((line) => originOf(line) ?? []);
}

/** Only what a proxy can relay: `cdrom:`, `file:` and `mirror+file:` are none of these. */
function originOf(site: string): string | undefined {
  const url = urlOf(site);
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url.origin : undefined;
}

async function aptProxy(): Promise<URL | undefined> {
  const [line = ''] = await linesOf(['apt-config', 'dump', '--format', '%v%n', 'Acquire::http::Proxy']);
  return line === 'DIRECT' || line === 'false' ? undefined : urlOf(line);
}

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

async function linesOf(argv: readonly [string, ...string[]]): Promise<string[]> {
  try {
    const result = await run(argv, { timeoutMs: TIMEOUT_MS, env: SYSTEM_ENVIRONMENT });
    return result.code === 0 ? [...new Set(result.stdout.split('\n').filter(Boolean))] : [];
  } catch {
    return []; // ENOENT: a machine without apt
  }
}
