import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chromiumNeed, difference, look, type Seen } from '../support/browser.ts';
import { describeWith, root, skippedAloud } from '../support/needs.ts';
import { eventually } from '../support/scratch.ts';
import { type EventOf, endAll, TryProcess } from '../support/try.ts';
import { aws, upload } from '../support/uploads.ts';

const PLANET = fileURLToPath(new URL('../../buckets/planet', import.meta.url));
const NEWS = `<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>The Newcomer</title><link>http://newcomer.example/</link><description>New.</description>
<item><title>A stranger hauls out</title><link>http://newcomer.example/1</link><guid>newcomer-1</guid>
<pubDate>Wed, 18 Jun 2025 08:00:00 +0000</pubDate><description>Room is made.</description></item></channel></rss>
`;
const SUBSCRIPTION = '\n[http://127.0.0.1:8080/newcomer.rss]\nname = The Newcomer\n';
const BROKEN = '[haulout]\nversion = 1\nschedul = */5 * * * *\n\n[packages]\nnginx = a # comment\n';

/** The story of the product, told with the program people have: a planet, its skins, its feeds, its loss and its return. */
describeWith([root], 'a planet in a bucket', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'haulout-planet-'));
  const directory = join(scratch, 'planet');
  const night = (file: string) => readFileSync(join(PLANET, 'skins/night', file));
  let planet: TryProcess;
  let ready: EventOf<'ready'>;
  let before: Seen | undefined;
  let first: string;

  beforeAll(async () => {
    cpSync(PLANET, directory, { recursive: true });
    [planet, ready] = await boot(directory);
  }, 240_000);
  afterAll(async () => {
    await endAll();
    if (!process.env['HAULOUT_KEEP_SCREENSHOTS']) rmSync(scratch, { recursive: true });
  }, 60_000);

  const page = async () => (await get(ready.url)).toString();
  const put = (file: string, path: string) => upload(file, `${ready.prefix}/${path}`, ready);
  const synced = () => planet.all('synced').length;

  it('shows a page with the entries of all feeds', async () => {
    first = await page();
    expect(first).toContain('<title>Planet Haul-Out</title>');
    expect(first.match(/<article class="entry /g)).toHaveLength(18);
    expect(first).toContain(`made on <code>${ready.instanceId}</code>`);
    expect(ready).toMatchObject({ prefix: 'planet', role: 'planet', bootMs: expect.any(Number) });
  });

  it.skipIf(skippedAloud('a look with a browser', [chromiumNeed]))('looks well in a browser', async () => {
    before = await look(ready.url!, join(scratch, 'day.png'));
    expect(before).toMatchObject({ title: 'Planet Haul-Out', entries: 18, complaints: [] });
    expect(before.logo.equals(readFileSync(join(PLANET, 'root/srv/planet/theme/logo.png')))).toBe(true);
    expect(before.logoWidth).toBeGreaterThan(0);
  });

  it('has another skin within ten seconds after an upload, as a browser sees too', async () => {
    skippedAloud('uploads with the aws CLI (the SDK does them)', [aws]);
    for (const file of ['planet.css', 'logo.png'])
      await put(join(PLANET, 'skins/night', file), `root/srv/planet/theme/${file}`);
    const uploaded = performance.now();
    const isNight = async () => {
      const html = await page();
      const css = /planet\.css\?v=\w+/.exec(html)?.[0];
      const logo = /logo\.png\?v=\w+/.exec(html)?.[0];
      if (css === undefined || logo === undefined || first.includes(css) || first.includes(logo)) return false;
      const [style, image] = await Promise.all([get(ready.url + css), get(ready.url + logo)]);
      return style.equals(night('planet.css')) && image.equals(night('logo.png'));
    };
    expect(await eventually(isNight, 10_000)).toBe(true);
    if (before) {
      const after = await look(ready.url!, join(scratch, 'night.png'));
      expect(performance.now() - uploaded).toBeLessThan(10_000);
      expect(after.complaints).toEqual([]);
      expect(after.bodyColour).not.toBe(before.bodyColour);
      expect(after.headerBackground).not.toBe(before.headerBackground);
      expect(after.logo.equals(night('logo.png'))).toBe(true);
      expect(await difference(before.screenshot, after.screenshot)).toBeGreaterThan(0.5);
    }
    const subjects = ['file:/srv/planet/theme/logo.png', 'file:/srv/planet/theme/planet.css', 'service:planet'];
    await planet.until(() => subjects.every((s) => changed(planet).includes(s)) || undefined, 'synced with both files');
  });

  it('takes up a feed that is added to planet.ini', async () => {
    const seen = synced();
    const ini = join(scratch, 'planet.ini');
    writeFileSync(ini, readFileSync(join(PLANET, 'root/srv/planet/planet.ini'), 'utf8') + SUBSCRIPTION);
    writeFileSync(join(scratch, 'newcomer.rss'), NEWS);
    await put(join(scratch, 'newcomer.rss'), 'root/srv/planet/feeds/newcomer.rss');
    await put(ini, 'root/srv/planet/planet.ini');
    expect(await eventually(async () => (await page()).includes('A stranger hauls out'), 30_000)).toBe(true);
    await planet.next('synced', { after: seen, where: (event) => event.changed.includes('service:planet') });
  });

  it('puts a hand edit on the instance back', async () => {
    const seen = synced();
    const style = planet.path('/srv/planet/theme/planet.css');
    appendFileSync(style, 'body { display: none }\n');
    await planet.next('synced', { after: seen, where: (event) => event.changed.includes(`file:${THEME}/planet.css`) });
    expect(readFileSync(style).equals(night('planet.css'))).toBe(true);
    expect(await page()).not.toContain('display: none');
  });

  it('stays up when a broken spec is uploaded, says every mistake, and follows when it is mended', async () => {
    const [seen, broken] = [synced(), join(scratch, 'broken.ini')];
    writeFileSync(broken, BROKEN);
    await put(broken, 'haulout.ini');
    const { mistakes, code } = await planet.next('failed', { where: (event) => event.mistakes !== undefined });
    expect(code).toBe('spec-invalid');
    const places = mistakes?.map(({ file, line, column }) => `${file}:${line}:${column}`);
    expect(places).toEqual(['haulout.ini:3:1', expect.stringMatching(/^haulout\.ini:6:\d+$/)]);
    for (const { what, instead } of mistakes ?? []) expect([what, instead].every((words) => words !== '')).toBe(true);
    expect(await page()).toContain('A stranger hauls out');
    expect(planet.all('terminated')).toEqual([]);
    await put(join(PLANET, 'haulout.ini'), 'haulout.ini');
    expect(await planet.next('synced', { after: seen })).toMatchObject({ changed: [] });
  });

  it('ends at Ctrl-C, and comes back from nothing but its bucket', async () => {
    const entries = titles(await page());
    planet.signal('SIGINT');
    expect(await planet.ended).toEqual({ code: 130, signal: null });
    expect(planet.events.at(-1)).toMatchObject({ event: 'terminated', instanceId: ready.instanceId });
    await expect(get(ready.url)).rejects.toThrow();

    const lost = ready.instanceId;
    cpSync(join(PLANET, 'skins/night'), join(directory, 'root/srv/planet/theme'), { recursive: true });
    writeFileSync(join(directory, 'root/srv/planet/feeds/newcomer.rss'), NEWS);
    appendFileSync(join(directory, 'root/srv/planet/planet.ini'), SUBSCRIPTION);
    [planet, ready] = await boot(directory);
    expect(ready.instanceId).not.toBe(lost);
    expect(titles(await page())).toEqual(entries);
    expect((await get(`${ready.url}planet.css`)).equals(night('planet.css'))).toBe(true);
    process.stdout.write(phaseTable(planet, ready));
    planet.signal('SIGTERM');
    expect(await planet.ended).toEqual({ code: 130, signal: null });
  }, 240_000);
});

const THEME = '/srv/planet/theme';

async function boot(directory: string): Promise<[TryProcess, EventOf<'ready'>]> {
  const planet = new TryProcess([directory, '--events']);
  const ready = await planet.next('ready', { timeoutMs: 200_000 });
  const phases = planet.all('phase');
  expect(phases.every(({ ok }) => ok)).toBe(true);
  for (const phase of ['launcher', 'bucket', 'packages', 'files', 'service'])
    expect(phases.map((event) => event.phase)).toContain(phase);
  return [planet, ready];
}

async function get(url: string | null): Promise<Buffer> {
  const response = await fetch(url ?? '', { signal: AbortSignal.timeout(5_000) });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

/** In no order: entries without a date stand where the refresh that first saw them put them. */
function titles(html: string): string[] {
  return [...html.matchAll(/<h3>(.*?)<\/h3>/gs)].map(([, title]) => title!).sort();
}

function changed(planet: TryProcess): string[] {
  return planet.all('synced').flatMap((event) => event.changed);
}

function phaseTable(planet: TryProcess, { bootMs }: EventOf<'ready'>): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(8);
  const rows = planet.all('phase').map((event) => {
    return `${seconds(event.sinceLaunchMs)}  ${event.phase.padEnd(10)} ${seconds(event.ms)}  ${event.subject}\n`;
  });
  return `a planet from nothing but its bucket:\n${rows.join('')}${seconds(bootMs)}  ready\n`;
}
