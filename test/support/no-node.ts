import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MachineRoom } from '../../src/cloud/machine/room.ts';
import type { SeedFile } from '../../src/cloud/machine/seed.ts';
import { type Listening, listen } from '../../src/cloud/s3/listen.ts';
import { S3Endpoint } from '../../src/cloud/s3/server.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { lineLog } from '../../src/lib/log.ts';
import { agentKey, runtimeKey } from '../../src/userdata/pin.ts';
import { renderUserdata } from '../../src/userdata/render.ts';
import type { Settings } from '../../src/userdata/settings.ts';
import { haulout } from './cli.ts';
import { described } from './described.ts';
import { dist } from './role.ts';
import { eventually } from './scratch.ts';
import { startTlsFront, type TlsFront } from './tls-front.ts';

/** One row of the matrix: what an instance has to ask with, while every other program that could is hidden. */
export interface Way {
  readonly name: string;
  /** Programs that stay. */
  readonly has: readonly string[];
  /** Over https, which the store's own certificate makes possible for programs of the system. */
  readonly https?: true;
  readonly files?: Readonly<Record<string, SeedFile>>;
}

/**
 * Stands before the real curl, as old ones were: it says 7.61.1 and knows none of the options that came later. What it is not:
 * that version's code.
 */
const OLD_CURL = `#!/bin/sh
for word in "$@"; do
  case $word in
    --aws-sigv4 | --fail-with-body | --json | --no-progress-meter | --retry-all-errors | --url-query | --variable)
      echo "curl: option $word: is unknown" >&2; exit 2 ;;
    -V | --version) echo 'curl 7.61.1 (x86_64-pc-linux-gnu)'; exit 0 ;;
  esac
done
exec /usr/bin/curl "$@"
`;

export const WAYS: readonly Way[] = [
  { name: 'python3', has: ['python3'] },
  { name: 'curl, old', has: ['curl'], files: { '/usr/local/bin/curl': { content: OLD_CURL, mode: 0o755 } } },
  { name: 'curl, new', has: ['curl'] },
  { name: 'wget', has: ['wget'] },
  { name: 'openssl (https)', has: ['openssl', 'bash'], https: true },
  { name: 'bash alone', has: ['bash'] },
];
export const ACCESS = ['private', 'public'] as const;
export type Access = (typeof ACCESS)[number];

/** bash is hidden by taking the interpreter itself away: /bin/sh of the instance is dash. */
const ASKERS = ['python3', 'curl', 'wget', 'openssl', 'bash'];
const DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const OTHERS = ['busybox', 'nc', 'nc.openbsd', 'nc.traditional', 'netcat', 'ncat', 'socat', 'apt-get'];
const PORTS = { private: [9000, 9443], public: [9001, 9444] } as const;
const ENDED_MS = 120_000;
const ROLE_KEY = {
  accessKeyId: 'ASIANONODE',
  secretAccessKey: 'a-secret/of+the=role',
  sessionToken: 'its+session/token==',
};
const DESK_KEY = { accessKeyId: 'AKIANONODE', secretAccessKey: 'a secret of the desk' };
const REGION = 'eu-central-1';

export interface Outcome {
  readonly ok: boolean;
  readonly seconds: number;
  readonly console: readonly string[];
}

/** Two stores, one private and one that anybody may read, each with a packed Node in it, and instances that have none. */
export class NoNodeCloud {
  readonly #directory: string;
  readonly #room: MachineRoom;
  readonly #closers: (() => Promise<void>)[];
  readonly #pin: string;
  readonly #certificate: string;

  private constructor(
    directory: string,
    room: MachineRoom,
    closers: (() => Promise<void>)[],
    pin: string,
    certificate: string,
  ) {
    this.#directory = directory;
    this.#room = room;
    this.#closers = closers;
    this.#pin = pin;
    this.#certificate = certificate;
  }

  /** The runtime is this process's own Node, put there by `haulout runtime add`. */
  static async open(): Promise<NoNodeCloud> {
    const directory = mkdtempSync(join(tmpdir(), 'haulout-no-node-'));
    const room = await MachineRoom.open({ gatewayScript: join(dist, 'gateway.mjs'), log: lineLog(() => undefined) });
    const closers: (() => Promise<void>)[] = [() => room.close()];
    const [first, second] = await Promise.all(ACCESS.map((access) => openStore(directory, access, room, closers)));
    const pin = await addRuntime(first!.listening.url);
    const state = { bucket: 'test', prefix: '.haulout' };
    const packed = await first!.s3.get('test', runtimeKey(state, pin), 200_000_000);
    await second!.s3.put('test', runtimeKey(state, pin), { bytes: packed! });
    return new NoNodeCloud(
      directory,
      room,
      closers,
      pin,
      readFileSync(first!.front.certificate, 'utf8') + readFileSync(second!.front.certificate, 'utf8'),
    );
  }

  /** An instance from nothing until its file is there, as the bucket says; over https until its agent is installed. */
  async boot(way: Way, access: Access): Promise<Outcome> {
    const lacking = missing(way);
    if (lacking.length > 0) return { ok: false, seconds: 0, console: [`this machine itself has no ${lacking}`] };
    const started = performance.now();
    const lines: string[] = [];
    const cable = this.#room.allocate();
    const userData = Buffer.from(await script(this.#pin, way, access));
    const role = {
      roleName: 'no-node',
      credentials: () => ({ ...ROLE_KEY, expiresAt: new Date(Date.now() + 3_600_000) }),
    };
    let code: number | undefined;
    const machine = await this.#room.launch(
      () => described(cable, { userData, ...(access === 'private' ? role : {}) }),
      {
        withoutNode: true,
        hide: hidden(way),
        files: { ...way.files, ...this.#trust() },
        onConsole: (line) => lines.push(line),
        onUserData: (end) => {
          code = end.code;
        },
      },
    );
    try {
      const at = (path: string) => join(`/proc/${machine.pid}/root`, path);
      const node = at(`/var/lib/haulout/runtime/${this.#pin}/bin/node`);
      const reached = () =>
        code !== undefined &&
        (code !== 0 || existsSync(at(way.https ? '/usr/local/bin/haulout' : '/etc/motd.no-node')));
      await eventually(reached, ENDED_MS);
      const ok = code === 0 && existsSync(node) && reached() && runsOn(at('/usr/local/bin/haulout'), this.#pin);
      return { ok, seconds: (performance.now() - started) / 1_000, console: lines };
    } finally {
      await machine.terminate();
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The certificates of the stores, for the programs of the instance's system. */
  #trust(): Record<string, SeedFile> {
    const system = readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8');
    const bundle: SeedFile = { content: system + this.#certificate, mode: 0o644 };
    return { '/etc/ssl/certs/ca-certificates.crt': bundle, '/usr/lib/ssl/cert.pem': bundle };
  }
}

async function openStore(
  directory: string,
  access: Access,
  room: MachineRoom,
  closers: (() => Promise<void>)[],
): Promise<{ s3: S3Endpoint; listening: Listening; front: TlsFront }> {
  const s3 = new S3Endpoint({
    region: REGION,
    keys: new Map([
      [DESK_KEY.accessKeyId, DESK_KEY],
      [ROLE_KEY.accessKeyId, ROLE_KEY],
    ]),
    dataDirectory: mkdtempSync(join(directory, access)),
    anonymousRead: access === 'public',
  });
  s3.createBucket('test');
  await s3.put('test', 'role/haulout.ini', {
    bytes: Buffer.from('[haulout]\nversion = 1\nupgrade = never\nsplay = 0s\n'),
  });
  await s3.put('test', 'role/root/etc/motd.no-node', { bytes: Buffer.from('there\n') });
  const agent = readFileSync(join(dist, 'agent.mjs'));
  await s3.put('test', agentKey({ bucket: 'test', prefix: '.haulout' }, sha256(agent)), { bytes: agent });
  const listening = await listen(s3.handler, { host: '127.0.0.1', port: 0 });
  const path = join(directory, `${access}.sock`);
  const front = await startTlsFront(mkdtempSync(join(directory, 'tls-')), listening.url, {
    name: 'IP:10.77.0.1',
    path,
  });
  const [plainPort, tlsPort] = PORTS[access];
  await room.expose(plainPort, s3.handler);
  await room.expose(tlsPort, path);
  closers.unshift(() => s3.close(), listening.close, front.close);
  return { s3, listening, front };
}

/** The agent stays on that Node: what a reboot starts names it. */
function runsOn(command: string, pin: string): boolean {
  return readFileSync(command, 'utf8').includes(`/var/lib/haulout/runtime/${pin}/bin/node`);
}

async function addRuntime(url: string): Promise<string> {
  const env = {
    AWS_ACCESS_KEY_ID: DESK_KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: DESK_KEY.secretAccessKey,
    AWS_REGION: REGION,
  };
  const words = ['runtime', 'add', 's3://test/role', '--from', process.execPath, '--endpoint-url', url];
  const { stdout, stderr } = await haulout(words, { env });
  const [, pin] = /^HAULOUT_RUNTIME_\w+=([0-9a-f]{64})$/m.exec(stdout) ?? [];
  if (pin === undefined) throw new Error(`runtime add: ${stderr}`);
  return pin;
}

async function script(pin: string, way: Way, access: Access): Promise<string> {
  const agent = readFileSync(join(dist, 'agent.mjs'));
  const [plainPort, tlsPort] = PORTS[access];
  const settings: Settings = {
    bucket: { bucket: 'test', prefix: 'role' },
    endpoint: way.https ? `https://10.77.0.1:${tlsPort}` : `http://10.77.0.1:${plainPort}`,
    region: undefined,
    anonymous: access === 'public',
    role: 'role',
    state: { bucket: 'test', prefix: '.haulout' },
    settleMs: 0,
    agent: sha256(agent),
    runtimes: { x64: pin, arm64: pin },
  };
  // Node trusts no certificate of the system's: over https the agent travels in the script.
  return renderUserdata(readFileSync(join(dist, 'bootstrap.js'), 'utf8'), settings, way.https ? agent : undefined);
}

function hidden(way: Way): string[] {
  const gone = [...ASKERS.filter((name) => !way.has.includes(name)), ...OTHERS];
  const versions = way.has.includes('python3') ? [] : readdirSync('/usr/bin').filter((name) => /^python3/.test(name));
  return [...gone, ...versions].flatMap((name) => DIRECTORIES.map((directory) => `${directory}/${name}`));
}

function missing(way: Way): string[] {
  return way.has.filter((name) => spawnSync('/bin/sh', ['-c', `PATH=/usr/bin:/bin command -v ${name}`]).status !== 0);
}
