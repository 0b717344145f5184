import type { BucketAddress } from '../aws/location.ts';

/** The key of the agent bundle in the state's bucket. Content-addressed, so it is written once and never changed. */
export function agentKey(state: BucketAddress, sha256: string): string {
  return `${state.prefix === '' ? '' : `${state.prefix}/`}agent/${sha256}`;
}
