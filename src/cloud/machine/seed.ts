import { sha256 } from '../../lib/digest.ts';
import type { InstanceDescription } from '../metadata/description.ts';
import { GATEWAY_ADDRESS } from './network.ts';

export interface SeedFile {
  readonly content: string | Uint8Array;
  readonly mode: number;
}

/** Where instances find the package proxy. */
export const PACKAGE_PORT = 3142;

export function shortName(hostname: string): string {
  return hostname.split('.')[0]!;
}

/** What an image has of its own on every machine. */
export function systemFiles(about: InstanceDescription, packages: boolean): Record<string, SeedFile> {
  const name = shortName(about.hostname);
  const files: Record<string, SeedFile> = {
    '/etc/hostname': { content: `${name}\n`, mode: 0o644 },
    '/etc/hosts': {
      content: `127.0.0.1 localhost\n${about.localIpv4} ${[...new Set([about.hostname, name])].join(' ')}\n::1 localhost ip6-localhost\n`,
      mode: 0o644,
    },
    '/etc/resolv.conf': {
      content: '# There is no name server: packages come through the proxy, by name.\n',
      mode: 0o644,
    },
    '/etc/machine-id': { content: `${sha256(about.instanceId).slice(0, 32)}\n`, mode: 0o444 },
    '/run/utmp': { content: runLevelRecord(), mode: 0o664 },
  };
  if (packages) files['/etc/apt/apt.conf.d/zz-local-cloud'] = { content: aptConfiguration(), mode: 0o644 };
  return files;
}

/** Read last, so that it wins over what this machine's own apt is told. */
function aptConfiguration(): string {
  const proxy = `http://${GATEWAY_ADDRESS}:${PACKAGE_PORT}`;
  return `Acquire::http::Proxy "${proxy}";
Acquire::https::Proxy "${proxy}";
Acquire::http::Proxy-Auto-Detect "";
Acquire::https::Proxy-Auto-Detect "";
`;
}

/**
 * "This machine is in run level 5", as utmp(5) has it. Without it packages take an instance for a chroot, and do not start the
 * services they bring. The record is longer where its times have 64 bits.
 */
function runLevelRecord(): Buffer {
  const record = Buffer.alloc(process.arch === 'x64' ? 384 : 400);
  const RUN_LVL = 1;
  record.writeInt16LE(RUN_LVL, 0);
  record.writeInt32LE('5'.charCodeAt(0) + 256 * 'N'.charCodeAt(0), 4);
  record.write('~', 8);
  record.write('~~', 40);
  record.write('runlevel', 44);
  return record;
}
