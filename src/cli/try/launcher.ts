import type { LocalCloud } from '../../cloud/local.ts';
import { sha256 } from '../../lib/digest.ts';
import { agentKey } from '../../userdata/pin.ts';
import { renderUserdata } from '../../userdata/render.ts';
import type { Settings } from '../../userdata/settings.ts';
import { readDist } from '../dist-files.ts';
import type { TryOptions } from './options.ts';

export const BUCKET = 'haulout-try';
/** Shorter than in a real bucket, to go with a look every two seconds. */
const SETTLE_MS = 1_000;

/** The real launcher, pinned to the agent of this build, as `haulout userdata` would print it. */
export async function launcherFor(role: string, cloud: LocalCloud): Promise<Buffer> {
  const agent = await readDist('agent.mjs');
  const settings: Settings = {
    bucket: { bucket: BUCKET, prefix: role },
    endpoint: cloud.instanceEndpoint,
    region: cloud.region,
    anonymous: false,
    role,
    state: { bucket: BUCKET, prefix: '.haulout' },
    settleMs: SETTLE_MS,
    agent: sha256(agent),
  };
  await cloud.s3.put(BUCKET, agentKey(settings.state, settings.agent), { bytes: agent });
  return Buffer.from(renderUserdata((await readDist('bootstrap.js')).toString('utf8'), settings));
}

/** The instance's own word over the bucket's: how often to look, and no upgrade of a copy of somebody's whole machine. */
export function overrideFor({ schedule, upgrade }: TryOptions): string {
  return `[haulout]\nschedule = ${schedule}\nsplay = 0s\n${upgrade ? '' : 'upgrade = never\n'}`;
}
