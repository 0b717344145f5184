import type { Fault } from '../../src/cloud/s3/faults.ts';
import { RoleUnderTest } from './role.ts';

const SPEC = `[haulout]
version = 1
[files]
/etc/walrus/link = link=/etc/hostname
/srv/walrus = directory
[service.clock]
image = services/clock
health = 0s
`;
const FILES = {
  'haulout.ini': SPEC,
  'root/etc/walrus/loud.conf': 'loud\n',
  'root/usr/local/share/walrus.txt': 'text\n',
  'services/clock/bin/start': '#!/bin/sh\necho started >> /srv/clock.log\nsleep 77131 &\n',
  'services/clock/bin/stop': '#!/bin/sh\necho stopped >> /srv/clock.log\n',
};
/** What somebody else keeps in a bucket of that name: the same words, and nothing of ours. A valid haulout.ini would be new content. */
const FOREIGN = {
  'root/etc/passwd': 'root::0:0::/:/bin/sh\n',
  'root/etc/walrus/loud.conf': 'somebody else\n',
  'services/clock/bin/start': '#!/bin/sh\nrm -rf /srv\n',
  'index.html': '<html>a shop</html>\n',
  'backup/2019.tar': 'x'.repeat(10_000),
};

export const ABSENCES = ['emptied', 'deleted', 'forbidden', 'foreign'] as const;
export type Absence = (typeof ABSENCES)[number];

export interface AbsenceCount {
  readonly absence: Absence;
  readonly syncs: number;
  /** Paths, modes or bytes that were not as before, counted once a sync. */
  readonly deletions: number;
  readonly stops: number;
  readonly codes: Readonly<Record<string, number>>;
}

/** A machine whose bucket is gone, in four ways: law 3, reliability F17. */
export class AbsenceGround {
  readonly role: RoleUnderTest;
  readonly #weather: { fault: Fault | undefined };

  private constructor(role: RoleUnderTest, weather: { fault: Fault | undefined }) {
    this.role = role;
    this.#weather = weather;
  }

  static async open(): Promise<AbsenceGround> {
    const weather: { fault: Fault | undefined } = { fault: undefined };
    const role = await RoleUnderTest.boot(FILES, { faults: () => weather.fault });
    return new AbsenceGround(role, weather);
  }

  async endure(
    absence: Absence,
    syncs: number,
    onSync: (done: number) => void = () => undefined,
  ): Promise<AbsenceCount> {
    const [before, alive] = [await this.#everything(), await this.#running()];
    await this.#begin(absence);
    const count = { absence, syncs, deletions: 0, stops: 0, codes: {} as Record<string, number> };
    for (let done = 1; done <= syncs; done++) {
      const { trouble } = await this.role.sync();
      const code = trouble?.code ?? 'none';
      count.codes[code] = (count.codes[code] ?? 0) + 1;
      if ((await this.#everything()) !== before) count.deletions++;
      if ((await this.#running()) !== alive) count.stops++;
      onSync(done);
    }
    await this.#end();
    return count;
  }

  async #begin(absence: Absence): Promise<void> {
    if (absence === 'deleted') this.#weather.fault = { status: 404, code: 'NoSuchBucket' };
    if (absence === 'forbidden') this.#weather.fault = { status: 403, code: 'AccessDenied' };
    if (absence !== 'emptied' && absence !== 'foreign') return;
    for (const path of Object.keys(FILES)) await this.role.delete(path);
    if (absence === 'foreign')
      for (const [path, content] of Object.entries(FOREIGN)) await this.role.put(path, content);
  }

  async #end(): Promise<void> {
    this.#weather.fault = undefined;
    for (const path of Object.keys(FOREIGN)) await this.role.delete(path);
    for (const [path, content] of Object.entries(FILES)) await this.role.put(path, content);
    const { health } = await this.role.sync();
    if (health !== 'healthy') throw new Error(`the bucket is back, and the machine is ${health}`);
  }

  async #running(): Promise<string> {
    return `${await this.role.pids('sleep 77131')} ${await this.role.read('/srv/clock.log')}`;
  }

  async #everything(): Promise<string> {
    const places = '/etc/walrus /usr/local/share/walrus.txt /srv/walrus /srv/services /etc/passwd';
    const line = `find ${places} -printf '%p %y %m %u:%g %l\\n' | sort; find ${places} -type f -exec sha256sum {} + | sort`;
    const { stdout, code } = await this.role.exec(line);
    return code === 0 ? stdout : `find ended with ${code}: ${stdout}`;
  }
}
