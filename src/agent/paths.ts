import { join } from 'node:path';

/** Every place of ours on an instance, with who may read it. One table; a test holds a live instance against it. */
export interface Paths {
  /** Prefix of all others; empty on an instance, a directory in tests. */
  readonly root: string;
  /** 0700 root: ledger, snapshots, cache, settings, status, agents. A cache and a floor; may be deleted at any time. */
  readonly state: string;
  /** 0755 root, on tmpfs: lock, requests, hook configuration. */
  readonly run: string;
  /** 0755: one link per service to its image. */
  readonly services: string;
  /** 0700 root. */
  readonly log: string;
  /** An administrator's own word on this one machine; over the bucket's `[haulout]`. */
  readonly override: string;
  /** Who the machine is, where no metadata service says it. */
  readonly metadata: string;
  /** Where other services of the cloud are, where they are not Amazon's own. */
  readonly endpoints: string;
  readonly command: string;
}

export function pathsUnder(root: string): Paths {
  return {
    root,
    state: join(root, '/var/lib/haulout'),
    run: join(root, '/run/haulout'),
    services: join(root, '/srv/services'),
    log: join(root, '/var/log/haulout'),
    override: join(root, '/etc/haulout/haulout.ini'),
    metadata: join(root, '/etc/haulout/metadata.json'),
    endpoints: join(root, '/etc/haulout/endpoints.json'),
    command: join(root, '/usr/local/bin/haulout'),
  };
}

/** Held by the agent that stays, for as long as it lives. */
export function residentLock({ run }: Paths): string {
  return join(run, 'resident.lock');
}
