import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { listCgroups } from '../../src/cloud/machine/cgroup.ts';
import type { LaunchOptions } from '../../src/cloud/machine/launch.ts';
import type { Machine } from '../../src/cloud/machine/machine.ts';
import { MachineRoom } from '../../src/cloud/machine/room.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import { lineLog } from '../../src/lib/log.ts';
import { described } from './described.ts';
import { builtGateway } from './gateway.ts';
import { command, root } from './needs.ts';

export const MACHINE_NEEDS = [root, command('unshare', 'util-linux'), command('ip', 'iproute2')];
export const quiet = lineLog(() => undefined);

/** What tests with instances stand on, made for each test file and test by `useBench`. */
export interface Bench {
  gateway: { readonly script: string; readonly directory: string };
  /** Of its own for each test: others may run beside it. Short, because unix sockets are made below it. */
  runRoot: string;
  openRoom(): Promise<MachineRoom>;
}

export function useBench(): Bench {
  const bench: Bench = {
    gateway: { script: '', directory: '' },
    runRoot: '',
    openRoom: () => MachineRoom.open({ gatewayScript: bench.gateway.script, log: quiet, runRoot: bench.runRoot }),
  };
  beforeAll(async () => {
    bench.gateway = await builtGateway();
  });
  afterAll(() => rmSync(bench.gateway.directory, { recursive: true }));
  beforeEach(() => {
    bench.runRoot = mkdtempSync('/run/haulout-test-');
  });
  afterEach(() => rmSync(bench.runRoot, { recursive: true, force: true }));
  return bench;
}

export interface Launched {
  readonly machine: Machine;
  readonly console: string[];
  /** Settles with the exit code of the user-data. */
  readonly userData: Promise<number>;
}

export async function launchIn(
  room: MachineRoom,
  script: string | undefined,
  options: LaunchOptions = {},
  facts: Partial<InstanceDescription> = {},
): Promise<Launched> {
  const console: string[] = [];
  const cable = room.allocate();
  const userData = script === undefined ? undefined : Buffer.from(script);
  return await new Promise((resolve, reject) => {
    const ended = new Promise<number>((settle) => {
      const all: LaunchOptions = {
        onConsole: (line) => console.push(line),
        onUserData: ({ code }) => settle(code),
        ...options,
      };
      room
        .launch(() => described(cable, { userData, ...facts }), all)
        .then((machine) => resolve({ machine, console, userData: ended }), reject);
    });
  });
}

export async function sh(machine: Machine, script: string): Promise<{ code: number | null; output: string }> {
  const { code, output } = await machine.exec(['/bin/sh', '-c', script]);
  return { code, output: output.trim() };
}

/** All of this machine that instances could leave a mark on. */
export function marks(): Record<string, string> {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    devices: execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }),
    namespaces: execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }),
    hostname: execFileSync('hostname', { encoding: 'utf8' }),
  };
}

/** Processes whose arguments name this test's directories: the gateway, `unshare`, what runs inside. */
export function processes(bench: Bench): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return words.includes(bench.gateway.script) || words.includes(bench.runRoot);
      } catch {
        return false;
      }
    });
}

export async function ownCgroups(pid = process.pid): Promise<string[]> {
  const mountPoint = mkdtempSync(join(tmpdir(), 'haulout-look-'));
  const names = await listCgroups(mountPoint);
  rmSync(mountPoint, { recursive: true });
  return names.filter((name) => name.startsWith(`haulout-${pid}-`));
}

/** The least a root needs: a shell, a few programs with their libraries, and a directory or two. */
export function smallImage(): string {
  const image = mkdtempSync(join(tmpdir(), 'haulout-image-'));
  for (const directory of ['bin', 'etc', 'tmp']) mkdirSync(join(image, directory));
  const programs = ['sh', 'cat', 'chmod', 'env', 'ls', 'mkdir', 'rm', 'sleep', 'umount'];
  const copied = new Set<string>();
  for (const program of programs) {
    const path = execFileSync('/bin/sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
    copyFileSync(path, join(image, 'bin', program));
    const libraries = execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
    for (const [, library] of libraries) copied.add(library!);
  }
  for (const library of copied) {
    mkdirSync(join(image, dirname(library)), { recursive: true });
    copyFileSync(library, join(image, library));
  }
  writeFileSync(join(image, 'etc/image'), 'small\n');
  return image;
}
