import type { BucketAddress } from '../aws/location.ts';

/** The key of the agent bundle in the state's bucket. Content-addressed, so it is written once and never changed. */
export function agentKey(state: BucketAddress, sha256: string): string {
  return below(state, `agent/${sha256}`);
}

/** The key of a packed Node; as unchanging. */
export function runtimeKey(state: BucketAddress, sha256: string): string {
  return below(state, `runtime/${sha256}`);
}

/** Which runtimes `haulout userdata` takes when nobody says: a note for the desk. No machine reads it. */
export function runtimeNoteKey(state: BucketAddress): string {
  return below(state, 'runtime/current.json');
}

function below(state: BucketAddress, path: string): string {
  return `${state.prefix === '' ? '' : `${state.prefix}/`}${path}`;
}
