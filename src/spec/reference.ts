import { type FreeRow, headerOf, type KeyRow, SECTIONS, type SectionRow } from './schema.ts';
import { TYPES } from './types.ts';

/** docs/haulout.ini.md. A test holds that the page is what this makes, and that its example parses. */
export function referencePage(): string {
  return `${[INTRODUCTION, EXAMPLE, ...SECTIONS.map(sectionText), HOW_IT_IS_READ].join('\n\n')}\n`;
}

export const EXAMPLE_FILE = `[haulout]
version  = 1
schedule = */5 * * * *        ; look at the bucket every five minutes

[packages]
nginx   =                     ; an empty value is the default: present
apache2 = absent

[files]
/etc/motd                        = template
/etc/app/secret.conf             = mode=0640 owner=root:www-data
/etc/nginx/sites-enabled/default = absent
/srv/app/cache                   = directory owner=www-data

[service.app]
image = services/app
user  = www-data
port  = 8080
check = http://127.0.0.1:8080/

[service.app.custom]
title = "Planet #1"

[service.web]
unit     = nginx
watch    = /etc/nginx/**, package:nginx
validate = nginx -t
then     = reload

[job.cleanup]
schedule = 20 4 * * *
run      = /srv/services/app/bin/cleanup
user     = www-data

[register.monitor]
up   = curl -fsS -X PUT http://monitor.internal/hosts/$HAULOUT_INSTANCE_ID
down = curl -fsS -X DELETE http://monitor.internal/hosts/$HAULOUT_INSTANCE_ID
`;

const INTRODUCTION = `# haulout.ini

One file at the top of a role's prefix says what its instances become. Upload it, and every live host follows.

\`haulout lint\` reads it as an instance does and tells all its mistakes at once, each with its line, its column and what to
write instead. This page is made from the table that the checks are made from (\`src/spec/schema.ts\`).`;

const EXAMPLE = `## Example

\`\`\`ini
${EXAMPLE_FILE}\`\`\``;

const HOW_IT_IS_READ = `## How the file is read

* It is UTF-8 text of at most 1 MiB, with LF or CR LF line ends.
* Names hold letters, digits, \`_\` and \`-\`. A dot in a header goes one level down: \`[service.web.custom]\`. Headers start at
  the beginning of a line and stand alone in it.
* A comment is a line of its own that starts with \`;\` or \`#\`, or follows a value or a section header after a blank and \`;\`.
* A value with \`#\`, or with \`;\` in it, or with quotes at its beginning, stands between double quotes: \`"Planet #1"\`. Inside
  them write \`\\"\` for a double quote and \`\\\\\` for a backslash. Single quotes do not quote.
* An empty value is no value: the default holds.
* A value is one line. A section is written once, a key once.
* A schedule has five fields (minute, hour, day of month, month, day of week), or six with seconds first. Set only one of the
  two day fields; for either day, write two jobs.
* A duration is a number and its unit: \`500ms\`, \`30s\`, \`5m\`, \`1h30m\`, \`7d\` at most.
* A mode is three or four octal digits. The setuid and setgid bits are refused.
* Nothing may be written under \`/var/lib/haulout\`, \`/run/haulout\`, \`/proc\`, \`/sys\` and \`/dev\`.

On an instance, \`/etc/haulout/haulout.ini\` may hold \`schedule\`, \`timezone\`, \`splay\`, \`wake\` and \`upgrade\` under \`[haulout]\`;
they win over those of the bucket.`;

function sectionText(row: SectionRow): string {
  const needed = row.required ? ' This section is required.' : '';
  const body = row.free ? freeTable(row.free) : keyTable(Object.entries(row.keys ?? {}));
  return `## \`${headerOf(row)}\`\n\n${row.says}${needed}\n\n${body}`;
}

function keyTable(keys: readonly (readonly [string, KeyRow])[]): string {
  const rows = keys.map(([key, row]) => [code(key), row.says, TYPES[row.type].says, defaultOf(row), code(row.example)]);
  return table(['key', 'what it is', 'written as', 'default', 'example'], rows);
}

function defaultOf(row: KeyRow): string {
  if (row.required) return '**required**';
  return row.default === undefined ? (row.otherwise ?? 'none') : code(row.default);
}

function freeTable(free: FreeRow): string {
  const rows = free.examples.map(({ key, value, says }) => [code(`${key} = ${value}`.trimEnd()), says]);
  const preset = free.default === '' ? '' : ` An empty value means \`${free.default}\`.`;
  return `${free.keySays} \`=\` ${TYPES[free.type].says}.${preset}\n\n${table(['example', 'what it does'], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}
