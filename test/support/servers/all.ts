import { moto } from './moto.ts';
import type { PeerKind } from './peer.ts';
import { radosgw } from './radosgw.ts';
import { swift } from './swift.ts';
import { versitygw } from './versitygw.ts';

/** To add a server: a file beside this one, and a word here. */
export const PEERS: readonly PeerKind[] = [swift, radosgw, versitygw, moto];
