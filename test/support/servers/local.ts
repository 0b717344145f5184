import { KEY, REGION, startS3 } from '../s3.ts';
import type { PeerKind } from './peer.ts';

/** Our own endpoint, asked all that the others are asked. */
export const local: PeerKind = {
  name: 'the local cloud',
  directory: '',
  manyObjects: 120,
  conditionalWrites: { createOnly: 'enforced', ifMatch: 'enforced' },
  faults: {},
  install: async () => undefined,
  async start() {
    const { url, close } = await startS3({ pageKeys: 100 });
    return { url, region: REGION, credentials: KEY, close };
  },
};
