import type { StateFiles } from '../ledger/state-files.ts';
import { HauloutError } from '../lib/errors.ts';
import type { Metadata } from '../metadata/choose.ts';
import { type Identity, isIdentity } from '../metadata/provider.ts';
import type { Settings } from '../userdata/settings.ts';

/** `/var/lib/haulout/identity.json`: who this machine is, for the rest of this boot. */
const NAME = 'identity.json';

export interface KeptIdentity {
  readonly bootId: string;
  /** Name of the metadata provider that said it. */
  readonly provider: string;
  readonly identity: Identity;
}

/** Within one boot it does not change, so an agent that starts again asks nobody. After a boot the disk may be a clone's. */
export async function keptIdentity(state: StateFiles, bootId: string): Promise<KeptIdentity | undefined> {
  const kept = await state.readOther(NAME, isKeptIdentity);
  return kept?.bootId === bootId ? kept : undefined;
}

/** The same source, with what it says kept, and the region of the settings where the cloud names none. */
export function keepingIdentity(source: Metadata, state: StateFiles, bootId: string, settings: Settings): Metadata {
  return {
    async identity() {
      const found = await source.identity();
      const identity = { ...found, region: found.region || settings.region || '' };
      // A disk that is full or read-only costs the next life of the agent a question, this one nothing.
      await state.writeOther(NAME, { bootId, provider: source.provider, identity }).catch(() => undefined);
      return identity;
    },
    credentials: (fresh) => source.credentials(fresh),
    get announces() {
      return source.announces;
    },
    peek: (path, parse) => source.peek(path, parse),
    get provider() {
      return source.provider;
    },
  };
}

/** Where the bucket is: what was said at launch, else where the instance is. A store of one's own mostly does not care. */
export function regionOf(settings: Settings, identity: Identity | undefined): string {
  const region = settings.region ?? identity?.region ?? '';
  if (region !== '') return region;
  if (settings.endpoint !== undefined) return 'us-east-1';
  throw new HauloutError({
    code: 'region-unknown',
    step: 'settings',
    subject: 'HAULOUT_REGION',
    reason: 'this cloud does not tell the region, and user-data does not name one',
    hint: 'write HAULOUT_REGION=us-east-1 into user-data, or run `haulout userdata` with --region',
  });
}

function isKeptIdentity(value: unknown): value is KeptIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { bootId, provider, identity } = value as Record<string, unknown>;
  return typeof bootId === 'string' && typeof provider === 'string' && isIdentity(identity);
}
