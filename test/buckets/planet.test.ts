import { execFile, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { command, describeWith, type Need } from '../support/needs.ts';

const bucket = fileURLToPath(new URL('../../buckets/planet', import.meta.url));
const image = join(bucket, 'services/planet');
const home = join(bucket, 'root/srv/planet');
const feeds = readdirSync(join(home, 'feeds')).sort();
const malformed = 'driftwood.rss';

describe('the planet bucket', () => {
  test('planet.ini names every sample feed, each with a name, and faces that are there', () => {
    const ini = readFileSync(join(home, 'planet.ini'), 'utf8');
    const sections = ini.split(/^\[/m).slice(1);
    const subscribed = sections.slice(1).map((section) => section.slice(0, section.indexOf(']')));
    expect(sections[0]).toMatch(/^Planet\]\nname += \S/);
    expect(subscribed.map((url) => basename(url)).sort()).toEqual(feeds);
    for (const url of subscribed) expect(url).toMatch(/^http:\/\/127\.0\.0\.1:8080\//);
    for (const section of sections.slice(1)) {
      expect(section).toMatch(/^name = \S/m);
      const face = /^face = (.*)$/m.exec(section)?.[1];
      if (face !== undefined) expect(readdirSync(join(home, 'theme'))).toContain(face);
    }
  });

  test('one feed is not in the encoding it names, the others are', () => {
    const strict = new TextDecoder('utf-8', { fatal: true });
    for (const feed of feeds) {
      const decode = () => strict.decode(readFileSync(join(home, 'feeds', feed)));
      if (feed === malformed) expect(decode).toThrow();
      else expect(decode()).toMatch(/^<\?xml version="1.0" encoding="utf-8"\?>\n/);
    }
  });

  test('the night skin replaces files of the theme, with other content', () => {
    for (const file of readdirSync(join(bucket, 'skins/night'))) {
      const skin = readFileSync(join(bucket, 'skins/night', file));
      expect(skin.equals(readFileSync(join(home, 'theme', file))), file).toBe(false);
    }
  });
});

describeWith([command('python3', 'python3')], 'the sample feeds as XML', () => {
  test.each(feeds)('%s', (feed) => {
    const parse = 'import sys, xml.etree.ElementTree as t; t.parse(sys.argv[1])';
    const { status } = spawnSync('python3', ['-c', parse, join(home, 'feeds', feed)]);
    expect(status === 0 ? 'well-formed' : 'malformed').toBe(feed === malformed ? 'malformed' : 'well-formed');
  });
});

/** The directory whose python3 has both modules: the one on the PATH, or the system's own. */
const pythonPath = ['', '/usr/bin:'].find((prefix) => {
  const env = { ...process.env, PATH: prefix + process.env['PATH'] };
  return spawnSync('python3', ['-c', 'import feedparser, jinja2'], { env }).status === 0;
});
const modules: Need = {
  name: 'python3 with feedparser and jinja2',
  met: pythonPath !== undefined,
  get: 'apt-get install python3-feedparser python3-jinja2',
};

describeWith([modules, command('flock', 'util-linux')], 'the planet, made by its own hooks', () => {
  /** What the server answers for a feed instead of its file. */
  const instead = new Map<string, { status: number; body: string | Buffer; cut?: boolean }>();
  let server: Server;
  let planet: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const feed = basename(request.url ?? '');
      const answer = instead.get(feed) ?? { status: 200, body: readFileSync(join(home, 'feeds', feed)) };
      const etag = `"${Buffer.byteLength(answer.body)}"`;
      if (answer.status === 200 && request.headers['if-none-match'] === etag) {
        response.writeHead(304).end();
        return;
      }
      const length = Buffer.byteLength(answer.body) + (answer.cut ? 100 : 0);
      response.writeHead(answer.status, { etag, 'content-length': length, 'content-type': 'application/xml' });
      response.write(answer.body, () => (answer.cut ? response.destroy() : response.end()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(planet, { recursive: true, force: true });
  });

  beforeEach(async () => {
    instead.clear();
    if (planet) rmSync(planet, { recursive: true, force: true });
    planet = mkdtempSync(join(tmpdir(), 'planet-'));
    cpSync(home, planet, { recursive: true });
    const { port } = server.address() as AddressInfo;
    edit('planet.ini', (ini) => ini.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`));
    writeFileSync(
      join(planet, 'service.cfg'),
      '[service]\ntitle=wrong\n[custom]\ntitle=Planet #1\nshow_instance=yes\n',
    );
    expect(await hook('configure')).toMatchObject({ code: 0 });
    expect(await hook('start')).toMatchObject({ code: 0 });
  });

  const page = () => readFileSync(join(planet, 'output/index.html'), 'utf8');

  function edit(file: string, change: (text: string) => string) {
    const path = join(planet, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  /** Called as the agent calls it: id and cfg as arguments, in the image's directory, with a small environment. */
  function hook(name: string): Promise<{ code: number; talk: string }> {
    const env = {
      PATH: `${pythonPath}${process.env['PATH']}`,
      ...(process.env['PYTHONPATH'] ? { PYTHONPATH: process.env['PYTHONPATH'] } : {}),
      PLANET_HOME: planet,
      HAULOUT_INSTANCE_ID: 'i-0walrus',
    };
    return new Promise((resolve) => {
      execFile(
        join(image, 'bin', name),
        ['planet', join(planet, 'service.cfg')],
        { cwd: image, env },
        (error, _out, talk) => resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, talk }),
      );
    });
  }

  test('the page holds entries of all feeds, and says what made it', async () => {
    for (const title of [
      'possibly two hundred and twelve',
      'A cloud of one’s own',
      'Pump three is fine',
      'The alarm that cried “wölf”',
      'Found: one oar, left-handed',
      'Programme for the week',
    ]) {
      expect(page()).toContain(title);
    }
    expect(page()).toContain('Señor Peña’s accordion hour — bring a chair');
    expect(page().match(/class="entry /g)).toHaveLength(18);
    expect(page()).toMatch(/Planet #1 &middot; made on <code>i-0walrus<\/code>/);
    expect(await hook('check')).toMatchObject({ code: 0 });
    expect(await hook('stop')).toMatchObject({ code: 0 });
  });

  test('what a feed brings cannot leave its place on the page', () => {
    expect(page()).toContain('A stranger pinned this one');
    expect(page()).toContain('say that anybody may pin anything');
    expect(page()).not.toMatch(/<script|<iframe|javascript:|onmouseover|onerror|position:fixed|polished/i);
    for (const element of ['main', 'article', 'div', 'p', 'section']) {
      const opened = page().match(new RegExp(`<${element}[ >]`, 'g'))?.length;
      expect(page().match(new RegExp(`</${element}>`, 'g'))?.length, element).toBe(opened);
    }
  });

  test.each([
    ['answers 500', { status: 500, body: 'oh dear' }, 'it answers 500'],
    ['is no feed any more', { status: 200, body: '<html><title>Parked</title></html>' }, 'it is no feed any more'],
    ['is cut short', { status: 200, body: '<rss version="2.0"><channel><item>', cut: true }, 'In trouble:'],
  ])('a feed that %s keeps its entries and is marked', async (_what, answer, words) => {
    instead.set('walrus.rss', answer);
    const { code, talk } = await hook('refresh');
    expect(code).toBe(0);
    expect(talk).toMatch(/^kept +3 entries +http\S+walrus\.rss: /m);
    expect(talk).toMatch(/^same +3 entries +http\S+clouds\.atom$/m);
    expect(page()).toContain('possibly two hundred and twelve');
    expect(page()).toContain(words);
    instead.clear();
    await hook('refresh');
    expect(page()).not.toContain('In trouble:');
  });

  test('an entry without a date keeps the time when it was first seen', async () => {
    const seen = () => /<time datetime="([^"]*)">first seen/.exec(page())?.[1];
    const before = seen();
    expect(before).toBeDefined();
    const later = readFileSync(join(home, 'feeds/lighthouse.rss'), 'utf8').replace(
      '</channel>',
      '<ttl>60</ttl></channel>',
    );
    instead.set('lighthouse.rss', { status: 200, body: later });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await hook('refresh')).talk).toMatch(/^ok +3 entries +http\S+lighthouse\.rss$/m);
    expect(seen()).toBe(before);
  });

  test('a feed that planet.ini no longer names is gone, from the page and from the cache', async () => {
    const remembered = () => readdirSync(join(planet, 'cache')).filter((name) => name.endsWith('.json')).length;
    expect(remembered()).toBe(feeds.length);
    edit('planet.ini', (ini) => ini.replace(/^\[.*clouds\.atom\]\nname.*\n/m, ''));
    await hook('refresh');
    expect(page()).not.toContain('A cloud of one’s own');
    expect(remembered()).toBe(feeds.length - 1);
  });

  test('a torn or strange cache is read anew', async () => {
    const [first, second] = readdirSync(join(planet, 'cache')).filter((name) => name.endsWith('.json'));
    edit(`cache/${first}`, (json) => json.slice(0, json.length / 2));
    edit(`cache/${second}`, () => '{"entries": 7}');
    expect(await hook('refresh')).toMatchObject({ code: 0 });
    expect(page().match(/class="entry /g)).toHaveLength(18);
  });

  test('the page is replaced whole: who is reading the old one reads it to its end', async () => {
    const old = page();
    const reader = openSync(join(planet, 'output/index.html'), 'r');
    edit('planet.ini', (ini) => ini.replace(/^name .*$/m, 'name = Planet Renamed'));
    await hook('refresh');
    expect(readFileSync(reader, 'utf8')).toBe(old);
    closeSync(reader);
    expect(page()).toContain('<h1>Planet Renamed</h1>');
    expect(readdirSync(join(planet, 'output')).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(statSync(join(planet, 'output/index.html')).mode & 0o777).toBe(0o644);
  });

  test('another skin is another link', async () => {
    const link = () => /planet\.css\?v=[0-9a-f]{12}/.exec(page())?.[0];
    const before = link();
    expect(before).toBeDefined();
    cpSync(join(bucket, 'skins/night'), join(planet, 'theme'), { recursive: true });
    await hook('start');
    expect(link()).not.toBe(before);
    expect(readFileSync(join(planet, 'output/planet.css'), 'utf8')).toContain('The night skin');
  });

  test.each([
    ['an empty planet.ini', 'planet.ini', () => '', /no \[Planet\] section/],
    ['a planet.ini without feeds', 'planet.ini', () => '[Planet]\nname = Alone\n', /no feed is named/],
    ['a feed that is a file', 'planet.ini', (ini: string) => `${ini}\n[file:///etc/passwd]\nname = x\n`, /no http/],
    ['a template that does not end', 'theme/index.html.tmpl', () => '{% for x in days %}', /index\.html\.tmpl:1: /],
  ])('%s is refused by configure, and the page stays', async (_what, file, change, words) => {
    const before = page();
    edit(file, change);
    const { code, talk } = await hook('configure');
    expect(code).toBe(78);
    expect(talk).toMatch(words);
    expect((await hook('refresh')).code).toBe(78);
    expect(page()).toBe(before);
  });

  test('check wants a page that is newer than its configuration, and not stale', async () => {
    const index = join(planet, 'output/index.html');
    const old = new Date(Date.now() - 3 * 3600_000);
    utimesSync(index, old, old);
    expect((await hook('check')).talk).toContain('older than its configuration');
    utimesSync(join(planet, 'cache/configured'), new Date(0), new Date(0));
    expect((await hook('check')).talk).toContain('older than 120 minutes');
    rmSync(index);
    expect(await hook('check')).toMatchObject({ code: 1, talk: 'planet: there is no page yet\n' });
  });
});
