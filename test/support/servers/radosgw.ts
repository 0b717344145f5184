import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../wire.ts';
import { answering, LIBRARIES, type PeerKind, startServer, succeed, unpackPackages, until } from './peer.ts';

const credentials = { accessKeyId: 'tester', secretAccessKey: 'testing' };

/**
 * https://docs.ceph.com/en/latest/radosgw/s3/: Ceph's S3 gateway, from Debian's packages, over one monitor and one OSD in
 * memory. What it is not: a cluster; there is one copy of everything, and no authentication between its parts.
 */
export const radosgw: PeerKind = {
  name: 'radosgw 16.2',
  directory: 'radosgw',
  manyObjects: 1_050,
  conditionalWrites: { createOnly: 'enforced', ifMatch: 'enforced', bareTags: true },
  faults: {},
  install: (into) =>
    unpackPackages(into, ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-mgr-', 'python3-rados', 'python3-ceph-argparse']),
  async start(directory) {
    const data = await mkdtemp(join(tmpdir(), 'haulout-ceph-'));
    const port = await freePort();
    const cluster = new Cluster(directory, data);
    try {
      await cluster.start(port, await freePort());
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return { url: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials, close: () => cluster.stop() };
  },
};

type Daemon = ReturnType<typeof startServer>;

class Cluster {
  readonly #data: string;
  readonly #root: string;
  readonly #env: Record<string, string>;
  readonly #daemons: Daemon[] = [];

  constructor(root: string, data: string) {
    this.#root = root;
    this.#data = data;
    const libraries = [LIBRARIES.replace('usr/', ''), LIBRARIES, 'usr/lib', `${LIBRARIES}/ceph`];
    this.#env = {
      LD_LIBRARY_PATH: libraries.map((name) => join(root, name)).join(':'),
      PATH: `${join(root, 'usr/bin')}:${join(root, 'usr/sbin')}:${process.env['PATH'] ?? ''}`,
      PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
      CEPH_CONF: join(data, 'ceph.conf'),
    };
  }

  async start(port: number, monitorPort: number): Promise<void> {
    for (const name of ['mon', 'osd', 'run']) await mkdir(join(this.#data, name));
    const fsid = crypto.randomUUID();
    await writeFile(join(this.#data, 'ceph.conf'), this.#settings(fsid, port, monitorPort));
    const address = `[v2:127.0.0.1:${monitorPort}]`;
    await this.#run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', address, 'monmap');
    await this.#run(
      'ceph-authtool',
      '--create-keyring',
      'keyring',
      '--gen-key',
      '-n',
      'mon.',
      '--cap',
      'mon',
      'allow *',
    );
    await this.#run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', 'monmap', '--keyring', 'keyring');
    const monitor = this.#daemon('ceph-mon', '-i', 'a', '-f');
    await until(async () => (await this.#ceph('fsid')) !== '', monitor.output);
    const uuid = crypto.randomUUID();
    await this.#ceph('osd', 'new', uuid);
    await this.#run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', uuid);
    const osd = this.#daemon('ceph-osd', '-i', '0', '-f');
    await until(async () => (await this.#ceph('osd', 'stat')).includes('1 up'), osd.output);
    const { accessKeyId, secretAccessKey } = credentials;
    const user = ['user', 'create', '--uid=t', '--display-name=t', `--access-key=${accessKeyId}`];
    await this.#run('radosgw-admin', ...user, `--secret=${secretAccessKey}`);
    const gateway = this.#daemon('radosgw', '-n', 'client.rgw', '-f');
    await answering(`http://127.0.0.1:${port}`, gateway.output);
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons.reverse()) await daemon.stop();
    await rm(this.#data, { recursive: true, force: true });
  }

  #run(program: string, ...words: string[]): Promise<string> {
    return succeed([program, ...words], this.#env, this.#data);
  }

  #ceph(...words: string[]): Promise<string> {
    return this.#run('timeout', '20', '/usr/bin/python3', join(this.#root, 'usr/bin/ceph'), ...words);
  }

  #daemon(program: string, ...words: string[]): Daemon {
    const daemon = startServer([program, ...words], this.#env);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Without "crc secure" radosgw insists on encryption towards the monitor and, with auth none, loops on error -13. */
  #settings(fsid: string, port: number, monitorPort: number): string {
    const data = this.#data;
    const library = join(this.#root, LIBRARIES);
    return `[global]
fsid = ${fsid}
mon initial members = a
mon host = v2:127.0.0.1:${monitorPort}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms bind ipv4 = true
ms mon client mode = crc secure
ms client mode = crc secure
ms service mode = crc secure
ms cluster mode = crc secure
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
mon data avail warn = 2
run dir = ${data}/run
admin socket = ${data}/run/$name.asok
pid file = ${data}/run/$name.pid
log file = ${data}/run/$name.log
erasure code dir = ${library}/ceph/erasure-code
plugin dir = ${library}/ceph
osd class dir = ${library}/rados-classes
osd class load list = *
osd class default list = *
[mon.a]
host = localhost
mon data = ${data}/mon
[osd.0]
host = localhost
osd data = ${data}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw data = ${data}/run
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw dns name = localhost
rgw zone = default
rgw run sync thread = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable quota threads = false
debug rgw = 0
`;
  }
}
