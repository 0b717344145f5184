import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pathsUnder } from '../../src/agent/paths.ts';
import { emptyLedger, failed, ROUNDS_BEFORE_SET_ASIDE } from '../../src/ledger/ledger.ts';
import { FORMATS } from '../../src/userdata/formats.ts';
import { PLATFORMS } from '../../src/userdata/platforms.ts';
import { SETTINGS } from '../../src/userdata/settings.ts';
import { type Help, readHelp } from './cli.ts';
import { codeWords, generatedPart, readPage, tableRows, top, withGeneratedPart } from './pages.ts';
import { Checked } from './typecheck.ts';

/** What stands between the marks of a page is what this makes; UPDATE=1 writes it there. */
function holds(path: string, part: string): void {
  const file = join(top, path);
  const text = readFileSync(file, 'utf8');
  if (process.env['UPDATE'] === '1') writeFileSync(file, withGeneratedPart(text, part));
  expect(generatedPart(readFileSync(file, 'utf8'))).toBe(part);
}

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

  it('docs/commands.md has what --help says', async () => {
    const { texts } = await readHelp();
    const parts = [...texts].map(
      ([name, text]) => `## haulout${name === '' ? '' : ` ${name}`}\n\n\`\`\`text help\n${text}\n\`\`\`\n`,
    );
    holds('docs/commands.md', parts.join('\n'));
  });
});

describe('tables', () => {
  let checked: Checked;
  let help: Help;
  beforeAll(async () => {
    help = await readHelp();
    const text = [
      "export type { TryEvent } from '../../src/cli/try/events.ts';",
      "export type { Status, SyncResult, TroubleStatus, MistakeStatus, ServiceStatus } from '../../src/status/status.ts';",
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

  it('docs/userdata.md has every format', () => {
    const said = tableRows(readPage('docs/userdata.md').text, '| format | for |').flatMap(([name = '']) =>
      codeWords(name),
    );
    expect(said).toEqual([...FORMATS]);
  });

  it('docs/userdata.md has every platform with what it takes', () => {
    const said = tableRows(readPage('docs/userdata.md').text, '| platform | bytes |').flatMap(
      ([names = '', bytes = '']) => codeWords(names).map((name) => [name, bytes]),
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
