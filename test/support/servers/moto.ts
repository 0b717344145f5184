import { join } from 'node:path';
import { freePort } from '../wire.ts';
import { answering, type PeerKind, startServer, succeed } from './peer.ts';

const VERSION = '5.2.5';

/** https://github.com/getmoto/moto: a model of Amazon's APIs in Python. It looks at no signature, so it says nothing of ours. */
export const moto: PeerKind = {
  name: `moto ${VERSION}`,
  directory: `moto-${VERSION}`,
  manyObjects: 1_050,
  conditionalWrites: { createOnly: 'enforced', ifMatch: 'enforced' },
  faults: { 'refuses a wrong secret': 'it looks at no signature' },
  async install(into) {
    await succeed(['python3', '-m', 'venv', into]);
    await succeed([join(into, 'bin/python'), '-m', 'pip', 'install', '-q', `moto[server,s3]==${VERSION}`]);
  },
  async start(directory) {
    const port = await freePort();
    const script = 'from moto.server import main; main()';
    const argv = [join(directory, 'bin/python'), '-c', script, '-H', '127.0.0.1', '-p', `${port}`];
    const server = startServer(argv, {});
    const url = `http://127.0.0.1:${port}`;
    await answering(url, server.output);
    const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'a secret of the tests' };
    return { url, region: 'us-east-1', credentials, close: () => server.stop() };
  },
};
