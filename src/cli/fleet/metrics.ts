import { EXIT } from '../../lib/exit.ts';
import { say } from '../talk.ts';
import { exposition, type Family } from './exposition.ts';
import { writeOut } from './out-file.ts';
import { openPlace, type PlaceOptions } from './place.ts';
import { FleetReader, type FleetView } from './read-fleet.ts';
import { CONDITIONS, conditionOf, type Row } from './row.ts';
import { counted } from './words.ts';

export interface MetricsOptions extends PlaceOptions {
  readonly out?: string;
}

/** `haulout fleet metrics s3://bucket`: on stdout, or written whole into a file that a collector reads now and then. */
export async function fleetMetrics(address: string, options: MetricsOptions): Promise<number> {
  const place = await openPlace(address, options);
  try {
    const view = await new FleetReader(place).look();
    const text = exposition(familiesOf(view));
    if (options.out === undefined) process.stdout.write(text);
    else await writeOut(options.out, text);
    say(`${place.text}: ${counted(view.rows.length, 'instance')}`);
    return EXIT.done;
  } finally {
    place.reader.close();
  }
}

/** The names and labels are an interface: docs/fleet.md has them, and a test holds that. */
function familiesOf({ rows, unreadable, now }: FleetView): Family[] {
  const here = rows.filter((row) => conditionOf(row, now) !== 'ended');
  const family = (name: string, help: string, value: (row: Row) => number | undefined): Family => ({
    name: `haulout_instance_${name}`,
    help,
    samples: here.flatMap((row) => {
      const found = value(row);
      return found === undefined ? [] : [{ labels: whose(row), value: found }];
    }),
  });
  return [
    {
      name: 'haulout_instances',
      help: 'Instances by role and health, as seen from outside.',
      samples: countsOf(rows, now),
    },
    family('healthy', 'Whether the instance is healthy: 1, or 0.', (row) =>
      conditionOf(row, now) === 'healthy' ? 1 : 0,
    ),
    family('last_sync_timestamp_seconds', 'When its last sync that was told began.', ({ sync }) =>
      seconds(sync.startedAt),
    ),
    family('sync_duration_seconds', 'How long that sync took.', ({ sync }) => sync.ms / 1_000),
    family('seen_timestamp_seconds', 'When the store got its last status.', ({ heard }) => seconds(heard)),
    family('lease_expiry_timestamp_seconds', 'When its lease ends; then it is lost.', ({ lease }) =>
      seconds(lease?.expires),
    ),
    family('boot_timestamp_seconds', 'When it booted.', ({ bootedAt }) => seconds(bootedAt)),
    {
      name: 'haulout_instance_content_info',
      help: 'What it runs on (active), what the bucket has (wanted), what was given up (set_aside): digests; empty for none.',
      samples: here.map((row) => ({ labels: { ...whose(row), ...digestsOf(row) }, value: 1 })),
    },
    {
      name: 'haulout_unreadable_statuses',
      help: 'Objects below instances/ that are no status.',
      samples: [{ labels: {}, value: unreadable.length }],
    },
    {
      name: 'haulout_fleet_read_timestamp_seconds',
      help: 'When this was read, by the clock of the store.',
      samples: [{ labels: {}, value: now / 1_000 }],
    },
  ];
}

/** Also those that there are none of: what was never there cannot be alerted on. */
function countsOf(rows: readonly Row[], now: number): Family['samples'] {
  const roles = [...new Set(rows.map(({ role }) => role))].sort();
  const names = roles.flatMap((role) => CONDITIONS.map((health) => `${role} ${health}`));
  const counts = new Map<string, number>(names.map((name) => [name, 0]));
  for (const row of rows) {
    const name = `${row.role} ${conditionOf(row, now)}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, value]) => {
    const [role = '', health = ''] = name.split(' ');
    return { labels: { role, health }, value };
  });
}

function whose({ instanceId, role }: Row): { instance: string; role: string } {
  return { instance: instanceId, role };
}

function digestsOf({ content: { active = '', wanted = '', setAside = '' } }: Row): Record<string, string> {
  return { active, wanted, set_aside: setAside };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}
