import { describe, expect, it } from 'vitest';
import { checkContent } from '../../src/spec/check-content.ts';
import { parseSpec } from '../../src/spec/parse.ts';
import type { Mistake, Spec } from '../../src/spec/spec.ts';
import { underHaulout } from './told.ts';

function specOf(...lines: string[]): Spec {
  const parsed = parseSpec(underHaulout(...lines));
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ what }) => what).join());
  return parsed.spec;
}

function entries(...paths: string[]) {
  return paths.map((path) => ({ path, size: path.endsWith('/') ? 0 : 1 }));
}

function told(findings: readonly Mistake[]): string[] {
  return findings.map(({ at, what, instead }) => `${at.file}:${at.line} ${what} | ${instead}`);
}

function findingsOf(lines: readonly string[], paths: readonly string[]) {
  const { mistakes, warnings } = checkContent(specOf(...lines), entries(...paths));
  return { mistakes: told(mistakes), warnings: told(warnings) };
}

const WEB = ['[service.web]', 'image = services/web'];

describe('a good bucket', () => {
  it('has nothing to say', () => {
    const lines = [
      ...WEB,
      '[service.old]',
      'image = services/old.tgz',
      '[files]',
      '/etc/motd = template',
      '/srv/x = directory',
    ];
    const paths = [
      'haulout.ini',
      'root/',
      'root/etc/',
      'root/etc/motd',
      'services/web/bin/start',
      'services/web/bin/refresh',
    ];
    const more = ['services/old.tgz', 'root/srv/x/y', '.release/current.json', 'services/web/cfg/'];
    expect(findingsOf(lines, [...paths, ...more])).toEqual({ mistakes: [], warnings: [] });
  });

  it.each(['bin/enstratus-configure', 'etc/services/postgres', 'etc/run/keys', 'etc/promise/up'])(
    '%s is enough',
    (hook) => {
      expect(findingsOf(WEB, [`services/web/${hook}`]).mistakes).toEqual([]);
    },
  );

  it('needs no image for a service that is absent', () => {
    expect(findingsOf([...WEB, 'state = absent'], [])).toEqual({ mistakes: [], warnings: [] });
  });
});

const MISSING = 'haulout.ini:3 the image of this service is not in the bucket';
const LINES: readonly (readonly [lines: readonly string[], paths: readonly string[], mistakes: readonly string[]])[] = [
  [WEB, [], [`${MISSING} | upload it, or correct \`image\``]],
  [WEB, ['services/wbe/bin/start'], [`${MISSING} | did you mean \`services/wbe\`?`]],
  [WEB, ['services/web.tar.gz'], [`${MISSING} | did you mean \`services/web.tar.gz\`?`]],
  [
    WEB,
    ['services/web/README'],
    [
      'haulout.ini:3 the image of this service has no hook | put one of bin/configure, bin/start, bin/drain, bin/stop, bin/check, bin/failed into it',
    ],
  ],
  [
    WEB,
    ['services/web/bin/start', 'services/web.zip'],
    ['services/web.zip:1 services/web is there too: nobody can say which is meant | remove one of them'],
  ],
  [
    [],
    ['services/a.tgz', 'services/a.zip'],
    ['services/a.zip:1 services/a.tgz is there too: nobody can say which is meant | remove one of them'],
  ],
  [
    ['[files]', '/etc/motd = template'],
    ['root/etc/mtod'],
    ['haulout.ini:4 there is no such template under root/ | did you mean `/etc/mtod`?'],
  ],
  [
    ['[files]', '/etc/motd = template'],
    ['root/opt/motd'],
    ['haulout.ini:4 there is no such template under root/ | did you mean `/opt/motd`?'],
  ],
  [
    ['[files]', '/etc/motd = template'],
    [],
    ['haulout.ini:4 there is no such template under root/ | upload the file, or correct the path'],
  ],
  [
    ['[files]', '/etc/app = mode=0600'],
    ['root/etc/app/x'],
    ['haulout.ini:4 in the bucket this path is a directory | write `directory`, or its path in full'],
  ],
  [
    ['[files]', '/etc/app = directory'],
    ['root/etc/app'],
    ['haulout.ini:4 the path is a directory, and root/ has a file for it | remove the line or the object'],
  ],
  [
    ['[files]', '/etc/app = absent'],
    ['root/etc/app'],
    ['haulout.ini:4 the path is absent, and root/ has a file for it | remove the line or the object'],
  ],
  [
    ['[files]', '/etc/app = link=b'],
    ['root/etc/app/x'],
    ['haulout.ini:4 the path is a link, and root/ has files below it | remove the line or the objects'],
  ],
  [
    [],
    ['root/run/haulout/x'],
    [
      'root/run/haulout/x:1 nothing may be written under /run/haulout | remove the object, or upload it under another name',
    ],
  ],
  [
    [],
    ['root/etc/../shadow'],
    ['root/etc/../shadow:1 the path goes up with `..` | remove the object, or upload it under another name'],
  ],
  [
    [],
    ['root/etc//x'],
    ['root/etc//x:1 the path is not in its shortest form | remove the object, or upload it under another name'],
  ],
  [
    [],
    ['root/etc/a\nb'],
    ['root/etc/a\nb:1 the path holds a control character | remove the object, or upload it under another name'],
  ],
  [
    [],
    ['services/web/../x'],
    ['services/web/../x:1 the path goes up with `..` | remove the object, or upload it under another name'],
  ],
  [[], ['root/etc/a', 'root/etc/a/b'], ['root/etc/a:1 this is a file where a directory must be | remove the object']],
  [[], ['root/etc'], ['root/etc:1 this is a file where a directory must be | remove the object']],
];

describe('what the bucket lacks or should not hold', () => {
  it.each(LINES)('%j with %j', (lines, paths, mistakes) => {
    expect(findingsOf(lines, paths).mistakes).toEqual(mistakes);
  });
});

const WARNED: readonly (readonly [lines: readonly string[], path: string, warning: string])[] = [
  [[], 'haulout.in', 'haulout.in:1 haulout does not read this | did you mean `haulout.ini`?'],
  [[], 'Root/etc/x', 'Root/:1 haulout does not read this | did you mean `root/`?'],
  [[], 'service/x', 'service/:1 haulout does not read this | did you mean `services/`?'],
  [
    [],
    'notes.txt',
    'notes.txt:1 haulout does not read this | put files under root/ and service images under services/',
  ],
  [
    [],
    'root/etc/.DS_Store',
    'root/etc/.DS_Store:1 an editor or a desktop left this behind | remove it, or it lands on every instance',
  ],
  [
    [],
    'services/notes.txt',
    'services/notes.txt:1 this is neither a directory nor an archive | use one of .zip .tar.gz .tgz .tar.bz2 .tar',
  ],
  [
    [],
    'services/a.tgz',
    'services/a.tgz:1 no service has this image | write a section with `image = services/a.tgz`, or remove it',
  ],
  [
    WEB,
    'services/web/bin/confgure',
    'services/web/bin/confgure:1 this is not called by haulout | did you mean `bin/configure`?',
  ],
  [
    WEB,
    'services/web/bin/check.sh',
    'services/web/bin/check.sh:1 a hook has no ending in its name | call it `bin/check`',
  ],
  [
    ['[files]', '/etc/a = mode=0600'],
    'root/etc/other',
    'haulout.ini:4 there is no such file under root/ | upload the file, or correct the path',
  ],
];

describe('what looks like a slip', () => {
  it.each(WARNED)('%j with %s', (lines, path, warning) => {
    const rest = lines === WEB ? ['services/web/bin/start'] : [];
    expect(findingsOf(lines, [path, ...rest])).toEqual({ mistakes: [], warnings: [warning] });
  });

  it('is told in time for a very large bucket', () => {
    const paths = Array.from({ length: 100_000 }, (_, index) => `root/srv/data/${index % 100}/file-${index}`);
    const lines = Array.from({ length: 50 }, (_, index) => `/srv/data/1/fil-${index} = template`);
    const started = performance.now();
    expect(findingsOf(['[files]', ...lines], paths).mistakes).toHaveLength(50);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
