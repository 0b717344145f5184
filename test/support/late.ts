import { execFileSync } from 'node:child_process';
import type { Status } from '../../src/status/status.ts';
import { FaultProxy } from './fault-proxy.ts';
import { RoleUnderTest } from './role.ts';

/** When each part of the world is there, in seconds after user-data began. */
export interface Lateness {
  readonly metadata: number;
  readonly dns: number;
  readonly clock: number;
  readonly bucket: number;
  /** Another package manager lets go of its lock. */
  readonly lock: number;
}

export interface LateBoot {
  readonly role: RoleUnderTest;
  readonly status: Status;
  /** From the beginning of user-data until the first round that ended well. */
  readonly ms: number;
  close(): Promise<void>;
}

const NAME = 'store.test';
const PACKAGE = 'sl';
const SPEC = `[haulout]\nversion = 1\n[packages]\n${PACKAGE} =\n[service.late]\nimage = services/late\nhealth = 0s\n`;
const FILES = { 'haulout.ini': SPEC, 'services/late/bin/start': '#!/bin/sh\nsleep 77110 &\n' };

/** Answers every question with the address of the cloud's gateway (RFC 1035). It knows one name, one type, and no cache. */
const RESOLVER = `import dgram from 'node:dgram';
const server = dgram.createSocket('udp4');
server.on('message', (question, { port, address }) => {
  let end = 12;
  while (question[end] !== 0) end += question[end] + 1;
  const asked = question.subarray(12, end + 5);
  const isA = asked.readUInt16BE(asked.length - 4) === 1;
  const head = Buffer.from([question[0], question[1], 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 77, 0, 1]);
  server.send(Buffer.concat(isA ? [head, asked, answer] : [head, asked]), port, address);
});
server.bind(53, '127.0.0.1');
`;
/** Perl: holds the lock as dpkg does (fcntl, the whole file), for so many seconds. */
export const HOLDER = `use Fcntl; open(my $f, '+>>', '/var/lib/dpkg/lock-frontend') or die; my $l = pack('s s l! l! i', F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $l) or die; sleep $ARGV[0];
`;
const BEGINS = 'late: begins';

/**
 * A clock that is wrong for the whole instance, by libfaketime: in the place of /bin/sh stands a script that gives all it starts
 * the library, the launcher and the agent among them. Monotonic time goes on rightly, as it does when a real clock is set.
 */
export function wrongClock(): Record<string, { content: string; mode: number }> {
  const library = execFileSync('/bin/sh', ['-c', 'ls /usr/lib/*/faketime/libfaketimeMT.so.1'], {
    encoding: 'utf8',
  }).trim();
  const variables = `LD_PRELOAD=${library} FAKETIME_TIMESTAMP_FILE=/etc/faketimerc FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1`;
  return { '/opt/wrong-clock-sh': { content: `#!/bin/dash\nexport ${variables}\nexec /bin/dash "$@"\n`, mode: 0o755 } };
}

/** Shell: from here on the time is \`rule\` (faketime(1)), by a rename, because everything needs a /bin/sh at every moment. */
export const setClock = (rule: string) => `echo '${rule}' > /etc/faketimerc`;
export const WRONG_CLOCK_BEGINS = 'cp /opt/wrong-clock-sh /bin/.sh.new; mv -f /bin/.sh.new /bin/sh';

/** Boots an instance whose parts come late. */
export async function bootLate(late: Lateness, clockRule: string): Promise<LateBoot> {
  const network = { store: new FaultProxy(), metadata: new FaultProxy() };
  network.metadata.befalls = { fault: { kind: 'reset' } };
  network.store.befalls = { fault: { kind: 'reset' } };
  let begun = 0;
  const begin = () => {
    begun = performance.now();
    setTimeout(() => (network.metadata.befalls = undefined), late.metadata * 1_000);
    setTimeout(() => (network.store.befalls = undefined), late.bucket * 1_000);
  };
  const before = [
    `(sleep ${late.dns}; exec node /opt/resolver.mjs) > /dev/null 2>&1 &`,
    `perl /opt/holder.pl ${late.lock} > /dev/null 2>&1 &`,
    `(sleep ${late.clock}; ${setClock('+0')}) &`,
    setClock(clockRule),
    WRONG_CLOCK_BEGINS,
    `echo '${BEGINS}'`,
  ].join('\n');
  const longest = Math.max(...Object.values(late)) * 1_000;
  const role = await RoleUnderTest.boot(FILES, {
    network,
    before,
    bootMs: longest + 240_000,
    settings: { endpoint: `http://${NAME}:9000` },
    onConsole: (line) => {
      if (line.includes(BEGINS)) begin();
    },
    plant: {
      '/etc/resolv.conf': { content: 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n', mode: 0o644 },
      '/opt/resolver.mjs': { content: RESOLVER, mode: 0o644 },
      '/opt/holder.pl': { content: HOLDER, mode: 0o644 },
      ...wrongClock(),
    },
  });
  const close = async () => {
    await role.close();
    for (const proxy of Object.values(network)) proxy.close();
  };
  try {
    await role.waitFor(
      (events) => events.some((one) => one.event === 'round' && one.status.health === 'healthy'),
      longest + 120_000,
    );
    return { role, status: await role.status(), ms: Math.round(performance.now() - begun), close };
  } catch (error) {
    await close();
    throw error;
  }
}
