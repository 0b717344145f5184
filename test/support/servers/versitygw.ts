import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../wire.ts';
import { answering, type PeerKind, startServer, succeed } from './peer.ts';

const VERSION = '1.8.0';
const credentials = { accessKeyId: 'tester', secretAccessKey: 'a secret of the tests' };

/** https://github.com/versity/versitygw: an S3 gateway over a directory, in Go, with an HTTP server that is not Go's own. */
export const versitygw: PeerKind = {
  name: `versitygw ${VERSION}`,
  directory: `versitygw-${VERSION}`,
  manyObjects: 1_050,
  conditionalWrites: { createOnly: 'enforced', ifMatch: 'enforced' },
  faults: {},
  async install(into) {
    const module = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`;
    await succeed(['go', 'install', module], { GOBIN: into, GOFLAGS: '-buildvcs=false' });
  },
  async start(directory) {
    const data = await mkdtemp(join(tmpdir(), 'haulout-versitygw-'));
    const [objects, meta] = [join(data, 'objects'), join(data, 'meta')];
    for (const each of [objects, meta]) await mkdir(each);
    const port = await freePort();
    const env = { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey };
    const words = [
      '--port',
      `127.0.0.1:${port}`,
      '--region',
      'us-east-1',
      '--quiet',
      'posix',
      '--sidecar',
      meta,
      objects,
    ];
    const server = startServer([join(directory, 'versitygw'), ...words], env);
    const url = `http://127.0.0.1:${port}`;
    await answering(url, server.output);
    return {
      url,
      region: 'us-east-1',
      credentials,
      async close() {
        await server.stop();
        await rm(data, { recursive: true, force: true });
      },
    };
  },
};
