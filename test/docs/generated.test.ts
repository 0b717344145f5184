import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { median } from '../../bench/measure.ts';
import { page } from '../../bench/page.ts';
import { picture } from '../../bench/picture.ts';
import type { Results } from '../../bench/results.ts';
import { pathsUnder } from '../../src/agent/paths.ts';
import { ImdsClient } from '../../src/aws/imds.ts';
import { DIALECTS } from '../../src/cloud/metadata/dialects.ts';
import { emptyLedger, failed, ROUNDS_BEFORE_SET_ASIDE } from '../../src/ledger/ledger.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { providersFor } from '../../src/metadata/choose.ts';
import { FORMATS } from '../../src/userdata/formats.ts';
import { PLATFORMS } from '../../src/userdata/platforms.ts';
import { SETTINGS } from '../../src/userdata/settings.ts';
import { DESK, type Help, readHelp } from './cli.ts';
import { holds } from './holds.ts';
import { codeWords, readPage, tableRows, top } from './pages.ts';
import { Checked } from './typecheck.ts';

describe('generated (anew: UPDATE=1 npx vitest run test/docs)', () => {
  it('docs/userdata.md has the settings', () => {
    const rows = SETTINGS.filter(({ form }) => form !== '').map((row) => {
      const preset = row.default === undefined ? '**required**' : row.default;
      return `| \`${row.name}\` | ${row.meaning} | ${row.form} | ${preset} |\n`;
    });
    const later = SETTINGS.filter(({ form }) => form === '').map(({ name }) => `\`${name}\``);
    holds(
      'docs/userdata.md',
      `| name | what it is | written as | default |\n| --- | --- | --- | --- |\n${rows.join('')}\nKept for a later version, and refused until then: ${later.join(', ')}.\n`,
    );
  });

  it.each(['instance', 'desk'])('docs/bucket.md has the policy of %s, as it is printed', async (whom) => {
    const words = [DESK, 'doctor', 's3://my-bucket/planet', '--policy', whom];
    const { stdout } = await promisify(execFile)(process.execPath, words, { env: { PATH: process.env['PATH'] } });
    holds('docs/bucket.md', `\`\`\`json\n${stdout}\`\`\`\n`, `from haulout doctor --policy ${whom}`);
  });

  it('docs/commands.md has what --help says', async () => {
    const { texts } = await readHelp();
    const parts = [...texts].map(
      ([name, text]) => `## haulout${name === '' ? '' : ` ${name}`}\n\n\`\`\`text help\n${text}\n\`\`\`\n`,
    );
    holds('docs/commands.md', parts.join('\n'));
  });
});

describe('the benchmark', () => {
  const results = JSON.parse(readFileSync(join(top, 'docs/bench.json'), 'utf8')) as Results;
  it.each([
    ['docs/bench.md', page],
    ['docs/bench.svg', picture],
  ])('%s has the figures of docs/bench.json and no others', (path, make) => {
    if (process.env['UPDATE'] === '1') writeFileSync(join(top, path), make(results));
    expect(readFileSync(join(top, path), 'utf8')).toBe(make(results));
  });

  it('bears out what README says of it', () => {
    const cpu = (phase: string, client: string) => {
      const { clients } = results.reading!.phases.find(({ name }) => name === phase)!;
      return median(clients.find(({ name }) => name === client)!.runs.map((run) => run.cpu));
    };
    const idle = cpu('no change', 'haulout');
    const readme = readFileSync(join(top, 'README.md'), 'utf8').replace(/\s+/g, ' ');
    expect(readme).toContain('takes less than a tenth of the processor time of `rclone sync`');
    expect(idle / cpu('no change', 'rclone')).toBeLessThan(1 / 10);
    expect(readme).toContain('less than half of that of `rclone sync --use-server-modtime`');
    expect(idle / cpu('no change', 'rclone --use-server-modtime')).toBeLessThan(1 / 2);
    expect(readme).toContain("The first sync takes about as much as rclone's.");
    expect(Math.abs(cpu('first sync', 'haulout') / cpu('first sync', 'rclone') - 1)).toBeLessThan(0.1);
    const ratio = (latencyMs: number) => {
      const pair = results.boot!.stores.find((store) => store.latencyMs === latencyMs)!;
      return median(pair.haulout.map((run) => run.wall)) / median(pair.script.map((run) => run.wall));
    };
    expect(readme).toContain(
      'a boot is faster than the same steps as a shell script where the store answers after 100 ms',
    );
    expect(ratio(100)).toBeLessThan(1);
    expect(readme).toContain('two to three times as long where it is on the same machine');
    expect(ratio(0)).toBeGreaterThan(2);
    expect(ratio(0)).toBeLessThan(3);
  });
});

describe('tables', () => {
  let checked: Checked;
  let help: Help;
  beforeAll(async () => {
    help = await readHelp();
    const text = [
      "export type { TryEvent } from '../../src/cli/try/events.ts';",
      "export type { Status, SyncResult, TroubleStatus, MistakeStatus, ServiceStatus, InstanceStatus } from '../../src/status/status.ts';",
      "export type { Lease } from '../../src/fleet/lease.ts';",
      "export type { MetadataFaults } from '../../src/cloud/metadata/handler.ts';",
      "export type { Waited } from '../../src/status/waited.ts';",
    ];
    checked = new Checked([{ name: 'types.ts', text: text.join('\n') }]);
  }, 60_000);

  it('docs/try.md has every event with every field', () => {
    const { text } = readPage('docs/try.md');
    const common = ['schema', 'at', 'instanceId', 'role', 'event'];
    const names = checked.literals('types.ts', 'TryEvent', 'event');
    const fields = checked
      .fields('types.ts', 'TryEvent')
      .map((all) => all.filter((one) => !common.includes(one)).sort());
    const said = tableRows(text, '| event | when |').map(([name = '', , own = '']) => [
      codeWords(name)[0],
      codeWords(own).sort(),
    ]);
    expect(said.sort()).toEqual(names.map((name, index) => [name, fields[index]]).sort());
  });

  it('docs/agent.md has every field of the status', () => {
    const rows = tableRows(readPage('docs/agent.md').text, '| field | what |');
    const said = rows.flatMap(([fields = '']) => codeWords(fields));
    expect(said.sort()).toEqual(checked.fields('types.ts', 'Status').flat().sort());
    const deeper = {
      lastSync: 'SyncResult',
      trouble: 'TroubleStatus',
      mistakes: 'MistakeStatus',
      services: 'ServiceStatus',
      waited: 'Waited',
      lease: 'Lease',
      instance: 'InstanceStatus',
    };
    for (const [field, type] of Object.entries(deeper)) {
      const row = rows.find(([cell = '']) => codeWords(cell).includes(field));
      expect(codeWords(row?.[1] ?? '').sort()).toEqual(checked.fields('types.ts', type).flat().sort());
    }
  });

  it('docs/agent.md has every place', () => {
    const said = tableRows(readPage('docs/agent.md').text, '| path | mode |').flatMap(([path = '']) => codeWords(path));
    const { root: _, ...places } = pathsUnder('');
    expect(said).toEqual(expect.arrayContaining(Object.values(places)));
  });

  it('docs/local-cloud.md has every dialect and fault, docs/metadata.md every provider', () => {
    const first = (page: string, head: string) =>
      tableRows(readPage(page).text, head).flatMap(([cell = '']) => codeWords(cell));
    expect(first('docs/local-cloud.md', '| dialect | speaks like |')).toEqual([...DIALECTS]);
    const faults = checked.fields('types.ts', 'MetadataFaults').flat();
    expect(first('docs/local-cloud.md', '| fault | what happens |').sort()).toEqual(faults.sort());
    const options = { clock: systemClock, random: Math.random, file: '' };
    const providers = providersFor(new ImdsClient(options), options).map(({ name }) => name);
    expect(first('docs/metadata.md', '| provider | knows')).toEqual(providers);
  });

  it('docs/userdata.md has every format', () => {
    const said = tableRows(readPage('docs/userdata.md').text, '| format | for |').flatMap(([name = '']) =>
      codeWords(name),
    );
    expect(said).toEqual([...FORMATS]);
  });

  it('docs/userdata.md has every platform with what it takes', () => {
    const said = tableRows(readPage('docs/userdata.md').text, '| platform | bytes |').flatMap(
      ([names = '', bytes = '']) => codeWords(names).map((name) => [name, bytes.trim()]),
    );
    const words = ({ limit, textOnly }: (typeof PLATFORMS)[number]) =>
      limit === Number.MAX_SAFE_INTEGER ? 'no limit' : `${limit}${textOnly ? ', text only' : ''}`;
    expect(said).toEqual(PLATFORMS.map((platform) => [platform.name, words(platform)]));
  });

  it('docs/agent.md shows every command of the agent', () => {
    const shown = readPage('docs/agent.md').text.matchAll(/^haulout ([a-z]+)/gm);
    expect([...new Set([...shown].map(([, name]) => name))].sort()).toEqual([...help.onInstance].sort());
  });

  it('docs/hooks.md has the back-off that the ledger has', () => {
    let ledger = emptyLedger('i-1');
    const pauses = Array.from({ length: 12 }, () => {
      ledger = failed(ledger, 'service:web', { wanted: 'x', code: 'hook-failed', content: 'c', now: 0 });
      return (ledger.subjects['service:web']?.failures?.nextTry ?? 0) / 1_000;
    });
    expect(pauses.slice(0, 3)).toEqual([5, 10, 20]);
    expect(Math.max(...pauses)).toBe(15 * 60);
    expect(ROUNDS_BEFORE_SET_ASIDE).toBe(3);
    const { text } = readPage('docs/hooks.md');
    for (const words of ['after 5 s', 'twice as long', 'at most 15 minutes', 'three times'])
      expect(text).toContain(words);
  });
});
