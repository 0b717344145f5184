import { describe, expect, it } from 'vitest';
import { parseOverride, parseSpec } from '../../src/spec/parse.ts';
import { mistakesOf, told, underHaulout, warningsOf } from './told.ts';

const DESIGN_EXAMPLE = `[haulout]
version  = 1
schedule = */5 * * * *          ; cron; when to re-sync
timezone = UTC                  ; the default, and wise
splay    = 30s
upgrade  = boot                 ; upgrade all packages at first boot: boot | never

[packages]
nginx      =                    ; an empty value is no value: the default, present
apache2    = absent
php8.2-fpm = 8.2.*              ; present | latest | absent | a version pattern (the epoch is ignored)

[files]
/etc/postgresql/pg_hba.conf         = mode=0640 owner=postgres:postgres
/etc/motd                           = template
/etc/nginx/sites-enabled/planet     = link=../sites-available/planet
/etc/nginx/sites-enabled/default    = absent
/srv/planet/cache                   = directory owner=www-data:www-data

[service.planet]
image   = services/planet
user    = www-data
port    = 80
check   = http://127.0.0.1/     ; a URL, tcp:PORT, or nothing: then bin/check decides
health  = 30s                   ; how long check must hold before the activation counts
timeout = 5m
[service.planet.custom]
title = "Planet #1"

[service.web]
unit     = nginx
watch    = /etc/nginx/**, package:nginx
validate = nginx -t             ; after the files are swapped, before \`then\`; if it fails they all go back
then     = reload               ; restart is the default
state    = running              ; running | stopped | absent

[job.refresh]
schedule = 2,17,32,47 * * * *
run      = /srv/services/planet/bin/refresh
user     = www-data
`;

function at(line: number) {
  return { file: 'haulout.ini', line, column: 1 };
}

const PLAIN_FILE = { mode: undefined, owner: undefined, target: undefined };

describe('parseSpec', () => {
  it('reads the example of the design as it is meant', () => {
    expect(parseSpec(DESIGN_EXAMPLE)).toEqual({
      ok: true,
      warnings: [],
      spec: {
        version: 1,
        schedule: '*/5 * * * *',
        timezone: 'UTC',
        splayMs: 30_000,
        wakeMs: 15_000,
        upgrade: 'boot',
        packages: [
          { name: 'nginx', want: 'present', at: at(9) },
          { name: 'apache2', want: 'absent', at: at(10) },
          { name: 'php8.2-fpm', want: { version: '8.2.*' }, at: at(11) },
        ],
        files: [
          {
            ...PLAIN_FILE,
            path: '/etc/postgresql/pg_hba.conf',
            kind: 'file',
            mode: 0o640,
            owner: { user: 'postgres', group: 'postgres' },
            at: at(14),
          },
          { ...PLAIN_FILE, path: '/etc/motd', kind: 'template', at: at(15) },
          {
            ...PLAIN_FILE,
            path: '/etc/nginx/sites-enabled/planet',
            kind: 'link',
            target: '../sites-available/planet',
            at: at(16),
          },
          { ...PLAIN_FILE, path: '/etc/nginx/sites-enabled/default', kind: 'absent', at: at(17) },
          {
            ...PLAIN_FILE,
            path: '/srv/planet/cache',
            kind: 'directory',
            owner: { user: 'www-data', group: 'www-data' },
            at: at(18),
          },
        ],
        services: [
          {
            id: 'planet',
            source: { kind: 'image', path: 'services/planet' },
            user: 'www-data',
            port: 80,
            check: { kind: 'url', url: 'http://127.0.0.1/' },
            healthMs: 30_000,
            timeoutMs: 300_000,
            watch: [],
            validate: undefined,
            then: 'restart',
            state: 'running',
            custom: { title: 'Planet #1' },
            at: at(20),
          },
          {
            id: 'web',
            source: { kind: 'unit', unit: 'nginx' },
            user: 'root',
            port: undefined,
            check: undefined,
            healthMs: 10_000,
            timeoutMs: 300_000,
            watch: ['/etc/nginx/**', 'package:nginx'],
            validate: 'nginx -t',
            then: 'reload',
            state: 'running',
            custom: {},
            at: at(30),
          },
        ],
        jobs: [
          {
            id: 'refresh',
            schedule: '2,17,32,47 * * * *',
            timezone: 'UTC',
            run: '/srv/services/planet/bin/refresh',
            user: 'www-data',
            timeoutMs: 600_000,
            at: at(37),
          },
        ],
        registrations: [],
      },
    });
  });

  it('fills in every default of a file with nothing but its version', () => {
    expect(parseSpec('[haulout]\nversion = 1\n')).toEqual({
      ok: true,
      warnings: [],
      spec: {
        version: 1,
        schedule: '*/5 * * * *',
        timezone: 'UTC',
        splayMs: 30_000,
        wakeMs: 15_000,
        upgrade: 'boot',
        packages: [],
        files: [],
        services: [],
        jobs: [],
        registrations: [],
      },
    });
  });

  it('reads CR LF lines, a byte order mark and bytes as it reads plain text', () => {
    const plain = parseSpec(DESIGN_EXAMPLE);
    expect(parseSpec(DESIGN_EXAMPLE.replaceAll('\n', '\r\n'))).toEqual(plain);
    expect(parseSpec(`\ufeff${DESIGN_EXAMPLE}`)).toEqual(plain);
    expect(parseSpec(new TextEncoder().encode(`\ufeff${DESIGN_EXAMPLE}`))).toEqual(plain);
  });

  it('gives a job the time zone of haulout', () => {
    const parsed = parseSpec(underHaulout('timezone = Europe/Berlin', '[job.a]', 'schedule = 0 4 * * *', 'run = true'));
    expect(parsed.ok && parsed.spec.jobs[0]?.timezone).toBe('Europe/Berlin');
    expect(parsed.ok && parsed.spec.jobs[0]?.run).toBe('true');
  });

  it('keeps custom values as the text they are written as', () => {
    const lines = ['a = true', 'b = null', 'c = 007', 'd = "a ; \\"b\\" \\\\ #c"', 'toString = x', 'e =', 'f = a=b'];
    const parsed = parseSpec(underHaulout('[service.w]', 'unit = w', '[service.w.custom]', ...lines));
    const custom = { a: 'true', b: 'null', c: '007', d: 'a ; "b" \\ #c', toString: 'x', e: '', f: 'a=b' };
    expect(parsed.ok && parsed.spec.services[0]?.custom).toEqual(custom);
  });

  it('reads a schedule that is written with tabs, as in a crontab', () => {
    const parsed = parseSpec(underHaulout('schedule = 0\t4  *\t*\t1'));
    expect(parsed.ok && parsed.spec.schedule).toBe('0 4 * * 1');
  });

  it('tells the name of the file it was given', () => {
    const parsed = parseSpec('', 'roles/web/haulout.ini');
    expect(!parsed.ok && parsed.mistakes[0]?.at.file).toBe('roles/web/haulout.ini');
  });
});

describe('all mistakes at once', () => {
  it('tells a dozen in one file, by line', () => {
    const text = `schedule = * * * * *
[haulout] # ours
verion   = 1
splay    = 30
timezone = Mars/Olympus

[packges]
nginx =

[files]
etc/motd = tmplate
/var/lib/haulout/x = mode=4755

[service.web]
image = services/web
unit  = nginx
port  = http
check = tcp:0
colour = a#b

[job.Nightly]
schedule = 0 0 13 * 5
`;
    expect(mistakesOf(text)).toEqual([
      '1:1 a key stands before the first section | write `[haulout]` above it',
      '2:1 `version` is missing in [haulout] | write it, as in `version = 1`',
      '2:11 a comment behind a header starts with a blank and `;` | write it so, or on a line of its own',
      '3:1 the key `verion` is unknown in [haulout] | did you mean `version`?',
      '4:12 this is not a duration | write a number with its unit, without blanks: `500ms`, `30s`, `5m`, `1h30m`',
      '5:12 this is not a time zone of this machine | write an IANA name, such as `UTC` or `Europe/Berlin`',
      '7:1 the section [packges] is unknown | did you mean `[packages]`?',
      '11:1 the path is not absolute | write the path from `/` on',
      '11:12 this word is unknown for a file | did you mean `template`? Else write `template`, `directory`, `absent`, `link=TARGET`, `mode=0640` or `owner=USER:GROUP`',
      '12:1 nothing may be written under /var/lib/haulout | choose another path',
      '12:22 the mode sets the setuid or setgid bit | write a mode of three digits, such as 755',
      '16:1 a service has an image or a unit, not both | keep one of the two lines',
      '17:9 this is not a port | write a number from 1 to 65535',
      '18:9 this is not a port | write `tcp:PORT`, with a port from 1 to 65535',
      '19:1 the key `colour` is unknown in [service.NAME] | the keys of [service.NAME] are `image`, `unit`, `user`, `port`, `check`, `health`, `timeout`, `watch`, `validate`, `then`, `state`',
      '19:11 an unquoted `#` would cut the value | put the whole value between double quotes; a comment starts with a blank and `;`',
      '21:1 this name is not made of a-z, 0-9, `_` and `-`, or is longer than 63 characters | write a short name in lower case',
      '21:1 `run` is missing in [job.Nightly] | write it, as in `run = /srv/services/planet/bin/refresh`',
      '22:12 the schedule sets both day of month and day of week: haulout would wait for both, cron for either | write `*` for one of them; for either, write two jobs',
    ]);
  });

  it('tells at most 500 and how many more there are', () => {
    const found = mistakesOf(underHaulout(...Array.from({ length: 600 }, (_, index) => `odd${index} = 1`)));
    expect(found).toHaveLength(501);
    expect(found.at(-1)).toBe('502:1 there are 100 more mistakes | correct the ones above first, then look again');
  });

  it('does not hide the mistakes behind a header that cannot be read', () => {
    expect(mistakesOf(underHaulout('[bad name]', 'x = a#b', '[files]', 'etc/x ='))).toEqual([
      '3:2 the section name is not a name | write names of letters, digits, `_` and `-`, with a dot between section and name, as in `[service.web]`',
      '4:6 an unquoted `#` would cut the value | put the whole value between double quotes; a comment starts with a blank and `;`',
      '6:1 the path is not absolute | write the path from `/` on',
    ]);
  });
});

describe('the version', () => {
  it('is needed', () => {
    const what = '1:1 `version` is missing in [haulout] | write it, as in `version = 1`';
    expect(mistakesOf('')).toEqual([what]);
    expect(mistakesOf('[haulout]\n')).toEqual([what]);
  });

  it('of another kind hides what else is wrong: its rules are not known', () => {
    const what = '2:11 the file is of a version that this haulout cannot read | write `version = 1`, or update haulout';
    expect(mistakesOf('[haulout]\nversion = 2\n[future]\nx = 1\n')).toEqual([what]);
  });

  it('is a number', () => {
    const what = '2:11 this haulout reads version 1 of the file | write `version = 1`';
    expect(mistakesOf('[haulout]\nversion = one\n')).toEqual([what]);
  });
});

describe('what is no text', () => {
  const utf8 = (...bytes: number[]) =>
    new Uint8Array([...new TextEncoder().encode('[haulout]\nversion = 1\n; '), ...bytes]);

  it.each([
    [utf8(0xff), '3:1 the file is not UTF-8 text | save it as UTF-8, without a byte order mark'],
    [
      new Uint8Array([0xff, 0xfe, 0x5b, 0]),
      '1:1 the file is UTF-16, not UTF-8 | save it as UTF-8, without a byte order mark',
    ],
    [new Uint8Array(1_048_577), '1:1 the file is larger than 1 MiB | keep large content under root/ or services/'],
  ])('is refused (%#)', (bytes, what) => {
    expect(mistakesOf(bytes)).toEqual([what]);
  });

  it('a file with too many keys is not read to its end', () => {
    const lines = Array.from({ length: 20_002 }, (_, index) => `p${index} =`);
    expect(mistakesOf(underHaulout('[packages]', ...lines))).toEqual([
      '20003:1 there are more than 1000 sections or 20000 keys | split the role into several',
    ]);
  });
});

describe('values', () => {
  it('are never printed: they may be secret', () => {
    const secret = 'hunter2';
    const pem = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDhunter2hunter2==';
    const keys = ['version', 'schedule', 'timezone', 'splay', 'wake', 'upgrade', 'unknown'].map(
      (key) => `${key} = ${secret}`,
    );
    const service = ['image', 'unit', 'port', 'check', 'health', 'watch', 'then', 'state'].map(
      (key) => `${key} = ${secret}`,
    );
    const odd = [`a = '${secret}`, `b = "${secret}`, `c = ${secret}#x`, secret, `  ${secret}`, pem];
    const rest = [
      '[packages]',
      `a = ${secret} x`,
      '[files]',
      `/a = ${secret} mode=${secret} owner=${secret}:${secret}:x`,
    ];
    const found = mistakesOf(['[haulout]', ...keys, ...odd, '[service.a]', ...service, ...rest].join('\n'));
    expect(found.length).toBeGreaterThan(20);
    expect(found.join('\n')).not.toContain(secret);
    expect(warningsOf(underHaulout(`timezone = ${secret}`)).join()).not.toContain(secret);
  });
});

describe('parseOverride', () => {
  it('reads only what is written', () => {
    const text = '[haulout]\nschedule = 0 * * * *\nsplay = 2m\nupgrade =\n';
    expect(parseOverride(text)).toEqual({
      ok: true,
      override: { schedule: '0 * * * *', splayMs: 120_000 },
      warnings: [],
    });
    expect(parseOverride('')).toEqual({ ok: true, override: {}, warnings: [] });
    expect(parseOverride('[haulout]\ntimezone = Etc/UTC\nwake = off\nupgrade = never\n')).toEqual({
      ok: true,
      override: { timezone: 'Etc/UTC', wakeMs: 0, upgrade: 'never' },
      warnings: [],
    });
  });

  it('refuses all that only the bucket may say', () => {
    const parsed = parseOverride('[haulout]\nversion = 1\nsplay = 2\n[packages]\nnginx =\n');
    expect(parsed.ok ? [] : told(parsed.mistakes)).toEqual([
      '2:1 the key `version` is unknown in [haulout] of this file | the keys of [haulout] of this file are `schedule`, `timezone`, `splay`, `wake`, `upgrade`',
      '3:9 this is not a duration | write a number with its unit, without blanks: `500ms`, `30s`, `5m`, `1h30m`',
      '4:1 only [haulout] can stand in this file | write the rest into the bucket',
    ]);
    expect(!parsed.ok && parsed.mistakes[0]?.at.file).toBe('/etc/haulout/haulout.ini');
  });
});
