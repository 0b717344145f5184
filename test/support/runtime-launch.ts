import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sha256 } from '../../src/lib/digest.ts';
import { type Launch, prepareLaunch, type Ran } from './launch.ts';
import { toolbox } from './toolbox.ts';

/** A "Node" for tests: says a version, and when it is run says on what. What it is not: a Node. */
const RUNTIME = gzipSync('#!/bin/sh\n[ "$1" = --version ] && { echo v22.1.0; exit; }\necho "took $1"\n');
const PIN = sha256(RUNTIME);

/** A launch on a machine without a Node, which pins a runtime. */
export interface RuntimeLaunch extends Launch {
  readonly object: string;
  /** The directory it comes to. */
  readonly place: string;
  /** As if it had never been fetched. */
  forget(): Promise<void>;
  /** Runs the script under `shell` with what every machine has and these programs (`name`, or `name=program`). */
  boot(programs: string, how?: Boot): Promise<Ran & { path: string }>;
}

export interface Boot {
  readonly shell?: readonly string[];
  readonly edit?: (script: string) => string;
  readonly env?: Record<string, string>;
}

export async function prepareRuntimeLaunch(runtime: Uint8Array = RUNTIME, pin = PIN): Promise<RuntimeLaunch> {
  const launch = await prepareLaunch();
  const object = `planet-bucket/.haulout/runtime/${pin}`;
  launch.wire.objects.set(object, runtime);
  launch.settings = { ...launch.settings, runtimes: { x64: pin, arm64: pin } };
  return Object.assign(launch, {
    object,
    place: join(launch.root, 'var/lib/haulout/runtime', pin),
    forget: () => rm(join(launch.root, 'var'), { recursive: true, force: true }),
    boot: async (programs: string, { shell = ['/bin/sh'], edit = (text) => text, env = {} }: Boot = {}) => {
      const path = await launch.script('X', (text) => edit(withoutNodeOfThisMachine(text)));
      const PATH = await toolbox(launch.directory, programs.split(' ').filter(Boolean));
      return { path, ...(await launch.run([...shell, path], { env: { PATH, ...env } })) };
    },
  });
}

/** This machine has a Node where the script looks for one. */
function withoutNodeOfThisMachine(text: string): string {
  return text.replace(/ \/usr\/local\/bin\/node [^"]*"\$place\/bin\/node"/, ' "$place/bin/node"');
}
