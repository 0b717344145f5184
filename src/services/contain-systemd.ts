import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, SYSTEM_ENVIRONMENT } from '../lib/exec.ts';
import type { Command, Containment } from './contain.ts';
import { cgroupMembers, checkScope, subdirectories } from './contain-cgroup.ts';
import { endHerd } from './processes.ts';

const STOP_MS = 30_000;

/**
 * systemd owns the cgroups: a slice per scope, and in it a transient unit per command (a unit's name is free again only
 * when all of it has ended; `start` may be called while an earlier one's processes live).
 */
export function systemdContainment(name: string, mount: string): Containment {
  const home = async () => join(mount, await initCgroup(), `${escaped(name)}.slice`);
  const members = async (scope: string) => cgroupMembers(join(await home(), sliceOf(name, scope)));
  return {
    kind: 'systemd',
    cookie: (scope) => `${name}:${scope}`,
    command: (scope, argv) => systemdCommand(name, scope, randomBytes(4).toString('hex'), argv),
    members,
    end: async (scope, graceMs) => {
      await endHerd({ name: scope, members: () => members(scope) }, graceMs);
      // An empty slice stays until it is stopped, and every check of every sync makes one.
      await run(['systemctl', '--no-block', 'stop', '--', sliceOf(name, scope)], {
        env: SYSTEM_ENVIRONMENT,
        timeoutMs: STOP_MS,
      });
    },
    scopes: async () => {
      const home_ = await home();
      const slices = await subdirectories(home_);
      return slices.map((slice) => scopeOf(name, slice)).filter((scope) => scope !== undefined);
    },
  };
}

export function systemdCommand(name: string, scope: string, nonce: string, argv: Command): Command {
  const unit = `${escaped(name)}-${escaped(checkScope(scope))}-${nonce}.scope`;
  return [
    'systemd-run',
    '--scope',
    '--quiet',
    '--collect',
    `--slice=${sliceOf(name, scope)}`,
    `--unit=${unit}`,
    '--',
    ...argv,
  ];
}

const sliceOf = (name: string, scope: string) => `${escaped(name)}-${escaped(scope)}.slice`;

/** In a slice's name `-` means "below": one that is part of a word is written as systemd-escape(1) does it. */
function escaped(word: string): string {
  return word.replace(/[^A-Za-z0-9_.:]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function scopeOf(name: string, slice: string): string | undefined {
  const head = `${escaped(name)}-`;
  if (!slice.startsWith(head) || !slice.endsWith('.slice')) return undefined;
  const word = slice.slice(head.length, -'.slice'.length);
  return word.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** Where systemd's own tree begins; not at the mount's root when this is a container without a cgroup namespace. */
async function initCgroup(): Promise<string> {
  const lines = (await readFile('/proc/1/cgroup', 'utf8')).split('\n');
  const line = lines.find((text) => text.startsWith('0::')) ?? lines.find((text) => text.includes(':name=systemd:'));
  return (line ?? '')
    .split(':')
    .slice(2)
    .join(':')
    .replace(/\/(init\.scope)?$/, '');
}
