import { mkdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import type { InstanceDescription } from '../metadata/description.ts';
import { type MetadataOptions, metadataHandler } from '../metadata/handler.ts';
import { removeCgroup } from './cgroup.ts';
import { Console } from './console.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { type Inside, plantInside } from './inside.ts';
import { InstanceProcess } from './instance-process.ts';
import { Machine } from './machine.ts';
import { type Cable, plug, unplug } from './network.ts';
import { cgroupName } from './run-directory.ts';
import { LATER_BOOT, LATER_BOOT_SCRIPT, startScript, USER_DATA_SCRIPT } from './scripts.ts';
import { type SeedFile, shortName, systemFiles } from './seed.ts';
import { type DiskOptions, startPlan } from './start-plan.ts';
import { Undo } from './undo.ts';
import { listenOn } from './unix-server.ts';
import { scriptOf } from './user-data.ts';

interface UserDataEnd {
  readonly code: number;
  readonly ms: number;
}

export interface LaunchOptions extends DiskOptions {
  /** Files planted before the user-data starts, by path. */
  readonly files?: Readonly<Record<string, SeedFile>>;
  readonly metadata?: MetadataOptions;
  /**
   * Who runs user-data: `cloud-init` (default), or the image's own /etc/rc.local, as images had it that know no cloud-init. That
   * file is run as it stands, and fetches what it wants.
   */
  readonly starts?: 'cloud-init' | 'rc.local';
  /**
   * A later boot of the disk in `keep`. What an image does at its first boot alone is not done: `files` are not planted, and
   * under cloud-init user-data does not run; the agent of haulout, if it is there, is started as its unit would.
   */
  readonly again?: boolean;
  readonly onConsole?: (line: string) => void;
  /** The user-data script has ended; the instance stays up. */
  readonly onUserData?: (end: UserDataEnd) => void;
}

/** What the room lends to an instance. */
export interface Surroundings {
  readonly runDirectory: string;
  readonly gateway: GatewayProcess;
  readonly packages: boolean;
  readonly log: Log;
}

/** One instance from nothing to a running user-data. What was made on the way is unmade when it fails. */
export async function launch(
  describe: () => InstanceDescription,
  options: LaunchOptions,
  around: Surroundings,
  released: () => void,
): Promise<Machine> {
  const undo = new Undo();
  undo.later(released);
  try {
    return await build(describe, options, around, undo);
  } catch (error) {
    await undo.all().catch((second) => around.log.warn(`taking down a failed instance: ${String(second)}`));
    throw error;
  }
}

async function build(
  describe: () => InstanceDescription,
  options: LaunchOptions,
  around: Surroundings,
  undo: Undo,
): Promise<Machine> {
  const about = describe();
  const cable = { address: about.localIpv4, mac: about.mac };
  const directory = makeDirectory(around.runDirectory, about.instanceId, undo);
  const { around: through = (handler: http.RequestListener) => handler, ...metadata } = options.metadata ?? {};
  const server = http.createServer(through(metadataHandler(describe, metadata)));
  undo.later(await listenOn(server, join(around.runDirectory, `metadata-${cable.address}.sock`)));

  const cgroup = {
    mountPoint: join(around.runDirectory, 'cgroup'),
    name: cgroupName(around.runDirectory, about.instanceId),
  };
  const byImage = options.starts === 'rc.local';
  const script = byImage ? '/etc/rc.local' : options.again ? LATER_BOOT_SCRIPT : USER_DATA_SCRIPT;
  const plan = startPlan(options, { directory, hostname: shortName(about.hostname), cgroup, script });
  const clock = new UserDataClock(options.onUserData);
  const console = new Console(join(directory, 'console.log'), plan.mark, options.onConsole ?? ignore, (code) =>
    clock.stop(code),
  );
  undo.later(() => console.close());
  undo.later(() => forgetCgroup(cgroup, around.log));
  const process = await InstanceProcess.start(about.instanceId, startScript(plan), console);
  await connect(process, cable, around.gateway, undo);
  await process.ready();

  const inside: Inside = { pid: process.pid, cgroup: process.hasCgroup ? cgroup : undefined };
  const own = options.again ? { [LATER_BOOT_SCRIPT]: { content: LATER_BOOT, mode: 0o700 } } : options.files;
  await plantAll(inside, { ...systemFiles(about, around.packages), ...own });
  if (!byImage && !options.again) await plantUserData(inside, about.userData, around.log);
  clock.start();
  process.go();
  return new Machine({
    instanceId: about.instanceId,
    cable,
    process,
    inside,
    gateway: around.gateway,
    directory,
    undo,
  });
}

function makeDirectory(runDirectory: string, instanceId: string, undo: Undo): string {
  const directory = join(runDirectory, instanceId);
  mkdirSync(directory, { mode: 0o700 });
  undo.later(() => rmSync(directory, { recursive: true, force: true }));
  for (const name of ['root', 'disk', 'lower']) mkdirSync(join(directory, name), { mode: 0o755 });
  return directory;
}

/** The cable is pulled only after the processes are dead: the instance never sees its network go. */
async function connect(process: InstanceProcess, cable: Cable, gateway: GatewayProcess, undo: Undo): Promise<void> {
  undo.later(() => gateway.unlessGone(() => unplug(gateway.pid, cable)));
  undo.later(() => process.kill());
  await plug(gateway.pid, process.pid, cable);
}

async function forgetCgroup(cgroup: { mountPoint: string; name: string }, log: Log): Promise<void> {
  const gone = await removeCgroup(cgroup.mountPoint, cgroup.name);
  if (!gone) log.warn(`cgroup ${cgroup.name} is still in use; the next local cloud removes it`);
}

async function plantAll(inside: Inside, files: Readonly<Record<string, SeedFile>>): Promise<void> {
  await Promise.all(Object.entries(files).map(([path, { content, mode }]) => plantInside(inside, path, content, mode)));
}

async function plantUserData(inside: Inside, userData: Uint8Array | undefined, log: Log): Promise<void> {
  const script = scriptOf(userData);
  if (script.kind === 'script') await plantInside(inside, USER_DATA_SCRIPT, script.bytes, 0o700);
  else log.info(`no user-data is run: ${script.why}`);
}

class UserDataClock {
  readonly #onEnd: ((end: UserDataEnd) => void) | undefined;
  #started = 0;

  constructor(onEnd: ((end: UserDataEnd) => void) | undefined) {
    this.#onEnd = onEnd;
  }

  start(): void {
    this.#started = performance.now();
  }

  stop(code: string): void {
    this.#onEnd?.({ code: Number(code), ms: Math.round(performance.now() - this.#started) });
  }
}

function ignore(): void {}
