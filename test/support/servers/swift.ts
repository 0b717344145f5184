import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../wire.ts';
import { answering, LIBRARIES, type PeerKind, startServer, unpackPackages } from './peer.ts';

/** https://docs.openstack.org/swift/latest/: the S3 API of OpenStack's object store, from Debian's packages. */
export const swift: PeerKind = {
  name: 'Swift 2.30',
  directory: 'swift',
  manyObjects: 120,
  conditionalWrites: { createOnly: 'refused', ifMatch: 'refused' },
  faults: {},
  install: (into) => unpackPackages(into, ['swift-proxy', 'swift-account', 'swift-container', 'swift-object']),
  async start(directory) {
    const data = await mkdtemp(join(tmpdir(), 'haulout-swift-'));
    const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
    const program = fileURLToPath(new URL('swift-server.py', import.meta.url));
    const env = {
      PYTHONPATH: join(directory, 'usr/lib/python3/dist-packages'),
      LD_LIBRARY_PATH: join(directory, LIBRARIES),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const server = startServer(['/usr/bin/python3', '-W', 'ignore', program, data, ...ports.map(String)], env);
    const url = `http://127.0.0.1:${ports[0]}`;
    await answering(`${url}/healthcheck`, server.output);
    return {
      url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test:tester', secretAccessKey: 'testing' },
      async close() {
        await server.stop();
        await rm(data, { recursive: true, force: true });
      },
    };
  },
};
