import { type Cell, outcomeOf, type WeatherGround } from './weather.ts';

interface DiskFault {
  readonly name: string;
  /** Shell that makes it, and shell that ends it. */
  readonly make: string;
  readonly end: string;
}

const STATE = '/var/lib/haulout';
/** Over what is there, with all of it, so that only this part of the disk is small: needs the agent to be down. */
const SMALL = (how: string) =>
  `set -e; cp -a ${STATE} /run/state.copy; mount -t tmpfs -o mode=0700,${how} tmpfs ${STATE}; cp -a /run/state.copy/. ${STATE}/`;
const LARGE_AGAIN = `umount ${STATE}; rm -rf /run/state.copy`;

/** What may befall a disk. The instance's own is a tmpfs, and so are the parts that are made small. */
export const DISK_FAULTS: readonly DiskFault[] = [
  {
    name: 'disk full, all of it',
    make: 'cat /dev/zero > /var/fill 2> /dev/null; cat /dev/zero > /var/fill2 2> /dev/null; true',
    end: 'rm -f /var/fill /var/fill2',
  },
  {
    name: 'disk full, the state',
    make: `${SMALL('size=64m')}; cat /dev/zero > ${STATE}/fill 2> /dev/null || true`,
    end: LARGE_AGAIN,
  },
  {
    name: 'no inodes, the state',
    make: `${SMALL('nr_inodes=400')}; mkdir ${STATE}/fill; cd ${STATE}/fill; touch $(seq 1 400) 2> /dev/null || true`,
    end: LARGE_AGAIN,
  },
  {
    name: 'read-only, the state',
    make: `set -e; mount --bind ${STATE} ${STATE}; mount -o remount,bind,ro ${STATE}`,
    end: `umount ${STATE}`,
  },
  {
    name: 'read-only, the target',
    make: 'set -e; mount --bind /etc/weather /etc/weather; mount -o remount,bind,ro /etc/weather',
    end: 'umount /etc/weather',
  },
];

const LIMIT_MS = 40_000;

/** Each fault while nothing is to be done, while something is, while a service is down, and while the agent starts. */
export async function diskCells(ground: WeatherGround, { name, make, end }: DiskFault): Promise<Cell[]> {
  const { role } = ground;
  const must = async (script: string) => {
    const { code, output } = await role.exec(script);
    if (code !== 0) throw new Error(`${script}: ${output}`);
  };
  /** What is mounted over the state of a living agent would be looked for where it is not. */
  const during = async (act: () => Promise<string>): Promise<string> => {
    await role.killAgent();
    try {
      await must(make);
      await role.startAgent();
      return await act();
    } finally {
      await role.killAgent();
      await must(end);
      await role.startAgent();
    }
  };
  const at = (step: string) => ({ fault: name, step, limitMs: LIMIT_MS });
  const restart = await ground.cell(at('agent restart'), () => during(() => ground.sync()));
  const files = await ground.cell(at('fetch, files'), () =>
    during(async () => {
      await ground.upload();
      return await ground.sync();
    }),
  );
  const hooks = await ground.cell(at('hooks'), () =>
    during(async () => {
      await role.exec('pkill -f "sleep 7710[2]"');
      const status = await role.sync();
      await ground.noteServices();
      const whistle = status.services.find(({ id }) => id === 'whistle');
      if (whistle?.state !== 'healthy')
        throw new Error(`the service that was down is ${JSON.stringify(whistle)}, ${JSON.stringify(status.trouble)}`);
      return outcomeOf(status);
    }),
  );
  return [restart, files, hooks];
}
