import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { html } from '../../src/cli/fleet/html.ts';
import { pageDocument } from '../../src/cli/fleet/page-document.ts';
import { EARLY_SCRIPT, SCRIPT } from '../../src/cli/fleet/page-script.ts';
import { STYLE } from '../../src/cli/fleet/page-style.ts';
import { rowOf } from '../../src/cli/fleet/row.ts';
import { visible } from '../../src/lib/log.ts';
import type { Status } from '../../src/status/status.ts';
import { type FleetStore, fleetStore, HOSTILE, HOSTILE_TEXT, KINDS, NOW, statusOf } from '../support/fleet.ts';
import { type HtmlPage, parsePage } from '../support/html-page.ts';
import { signed } from '../support/s3.ts';
import { scratch } from '../support/scratch.ts';
import { SEED } from '../support/seeded.ts';

const FLEET = 's3://my-bucket';
/** What may stand in the page; whatever hosts write, nothing else does. */
const ELEMENTS = new Set(
  'html head meta title link style script body main header h1 h2 h3 h4 p code time ul ol li a b span i em svg rect line section details summary div dl dt dd pre table thead tbody tr th td label input select option output button footer'.split(
    ' ',
  ),
);

async function storeForTest(statuses?: readonly Status[]): Promise<FleetStore> {
  const store = await fleetStore(statuses);
  onTestFinished(() => store.close());
  return store;
}

async function pageOf(store: FleetStore, ...words: string[]): Promise<HtmlPage> {
  const { code, stdout, stderr } = await store.run('fleet', 'page', FLEET, ...words);
  expect(code, stderr).toBe(0);
  return harmless(stdout);
}

/** Nothing in it runs but ours, nothing in it asks anybody for anything. */
function harmless(source: string): HtmlPage {
  const page = parsePage(source);
  for (const { name, attributes } of page.elements) {
    expect(ELEMENTS, name).toContain(name);
    for (const [attribute, value] of attributes) {
      expect(attribute).not.toMatch(/^(on|style$|src|srcset$|action$|formaction$|xlink)/);
      if (attribute === 'href') expect(value).toMatch(/^(#[\w./-]+|data:,)$/);
    }
  }
  expect(source).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  const policy = page
    .all('meta')
    .find(({ attributes }) => attributes.has('http-equiv'))
    ?.attributes.get('content');
  const digest = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  expect(policy).toBe(
    `default-src 'none'; img-src data:; style-src ${digest(STYLE)}; script-src ${digest(EARLY_SCRIPT)} ${digest(SCRIPT)}; base-uri 'none'; form-action 'none'`,
  );
  expect(page.all('style').map(({ text }) => text)).toEqual([STYLE]);
  for (const { text } of page.all('script')) expect([EARLY_SCRIPT, SCRIPT]).toContain(text);
  expect(STYLE).not.toMatch(/url\(|@import/);
  return page;
}

describe('haulout fleet page', () => {
  it('has tiles, a row for each instance, and each in detail, the ill ones first', async () => {
    const page = await pageOf(await storeForTest());
    const tiles = page.all('a').filter(({ attributes }) => attributes.has('data-h'));
    const numbers = tiles.map(({ attributes }) => attributes.get('data-h'));
    expect(numbers).toEqual(['', 'lost', 'failed', 'degraded', 'draining', 'converging', 'healthy', 'ended']);
    const rows = page.all('tr').filter(({ attributes }) => attributes.has('data-h'));
    expect(rows).toHaveLength(KINDS.length);
    const details = page.all('details').map(({ attributes }) => attributes.get('id'));
    expect(details.slice(0, 3)).toEqual([
      'planet/i-01057000000000005',
      'planet/i-0fa11ed0000000004',
      'planet/i-0de9bad0000000003',
    ]);
    expect(details).toHaveLength(KINDS.length);
    for (const { attributes } of page.all('a')) {
      const [, id] = /^#(.+\/.+)$/.exec(attributes.get('href')!) ?? [];
      if (id !== undefined) expect(details).toContain(id);
    }
    expect(page.text).toContain('planet: skin.css:12: no such colour: reed');
    expect(page.text).toContain('Exit code: 1');
    expect(page.text).toContain('12 s for bucket: s3://my-bucket/planet ENOTFOUND, at boot');
    expect(page.text).toContain('haulout replace i-01057000000000005');
  });

  it('draws the timeline of a round, the step that failed in another colour', async () => {
    const page = await pageOf(await storeForTest(KINDS.filter(({ health }) => health === 'degraded')));
    const bars = page.all('rect').filter(({ attributes }) => attributes.has('rx'));
    expect(bars.map(({ attributes }) => attributes.get('class'))).toEqual([...Array(5).fill(undefined), 'bad']);
    const [x, width] = ['x', 'width'].map((name) => Number(bars.at(-1)!.attributes.get(name)));
    expect([x, width]).toEqual([26, 974]);
  });

  it('shows as text whatever a host writes', async () => {
    const store = await storeForTest([HOSTILE]);
    await store.put('planet/\u001b[2J\u202e<b onclick="x">x</b>.json', '{}');
    const page = await pageOf(store);
    expect(page.text).toContain(visible(HOSTILE_TEXT));
    expect(page.text.split('<script>alert(1)</script>').length).toBeGreaterThan(10);
    expect(page.text).toContain('planet/\\x1b[2J\\u202e<b onclick="x">x</b>.json');
    expect(page.all('script')).toHaveLength(2);
  });

  it('says that nobody is there, and what to do', async () => {
    const page = await pageOf(await storeForTest([]));
    expect(page.text).toContain('No instance has told of itself');
    expect(page.all('table')).toEqual([]);
    expect(page.all('script')).toHaveLength(1);
  });

  it('is written whole into a file, and uploaded as HTML', async () => {
    const store = await storeForTest();
    const directory = scratch();
    const out = join(directory, 'fleet.html');
    const words = ['fleet', 'page', FLEET, '--out', out, '--upload', `${FLEET}/.haulout/fleet.html`];
    const { code, stdout, stderr } = await store.run(...words);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain(`in ${out} and s3://my-bucket/.haulout/fleet.html`);
    expect(readdirSync(directory)).toEqual(['fleet.html']);
    const uploaded = await store.endpoint.get('my-bucket', '.haulout/fleet.html', 1e6);
    expect(uploaded?.toString()).toBe(readFileSync(out, 'utf8'));
    const { headers } = await signed(store.url, { path: '/my-bucket/.haulout/fleet.html', at: NOW });
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    harmless(readFileSync(out, 'utf8'));
  });

  it.each([
    ['an upload to nowhere', ['--upload', 's3://my-bucket'], 64],
    ['an upload to a bucket that is not there', ['--upload', 's3://nowhere/a.html'], 69],
    ['a file where none can be', ['--out', '/nowhere/at/all/fleet.html'], 1],
  ])('refuses %s', async (_what, words, code) => {
    const result = await (await storeForTest()).run('fleet', 'page', FLEET, ...words);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(/^haulout: [a-z]+: .+\nhaulout: next: .+\n$/);
    expect(existsSync('/nowhere')).toBe(false);
  });
});

describe('the page of a large fleet', () => {
  it('has a row for each, details of those that are worst, and says so', () => {
    const statuses = Array.from({ length: 1_600 }, (_, index) =>
      statusOf(`i-0a11ce000000${String(index).padStart(5, '0')}`),
    );
    const details = statuses.slice(0, 200).map((status) => ({ row: rowOf(status, NOW), status }));
    const rows = [...details.map(({ row }) => row), ...statuses.slice(200).map((status) => rowOf(status, NOW))];
    const page = harmless(
      pageDocument({ view: { now: NOW, rows, unreadable: [] }, details, state: 's3://b/.haulout', role: undefined }),
    );
    expect(page.all('tr')).toHaveLength(1_601);
    expect(page.all('details')).toHaveLength(200);
    expect(page.text).toContain('Details of 200 instances of 1,600 are in this page');
  });
});

describe('the one way into the page', () => {
  it(`makes text of any text, in an element and in an attribute (seed ${SEED})`, () => {
    const signs = fc.constantFrom(
      '<',
      '>',
      '&',
      '"',
      "'",
      '</script>',
      '<!--',
      ']]>',
      '&lt;',
      '\u0000',
      '\u202e',
      '\u001b[2J',
    );
    const text = fc
      .array(fc.oneof(signs, fc.string({ unit: 'binary' })), { maxLength: 8 })
      .map((parts) => parts.join(''));
    const property = fc.property(text, (some) => {
      const page = parsePage(`<!doctype html>\n${html`<p title="${some}">${some}</p>`.text}`);
      expect(page.elements).toHaveLength(1);
      expect(page.text).toBe(visible(some));
      expect(page.elements[0]!.attributes.get('title')).toBe(visible(some));
    });
    fc.assert(property, { seed: SEED, numRuns: 500 });
  });

  it('joins lists, leaves out what is not there, and lets only its own through', () => {
    expect(html`${['a', '<', undefined]}${html`<b>`}${1}`.text).toBe('a&lt;<b>1');
  });
});

/** https://www.w3.org/TR/WCAG22/#contrast-minimum, of every pair that text stands in. */
describe.each(['light', 'dark'])('the %s colours', (scheme) => {
  const [light = '', dark = ''] = STYLE.split('@media (prefers-color-scheme:dark)').map((part) => part.split('}')[0]);
  const variables = new Map(
    [...`${light}${scheme === 'dark' ? dark : ''}`.matchAll(/--([a-z-]+):(#[0-9a-f]{3,6})/g)].map(([, name, value]) => [
      name!,
      value!,
    ]),
  );
  const conditions = ['healthy', 'degraded', 'failed', 'lost', 'draining', 'converging', 'ended'];
  it.each([
    ...['ink', 'quiet', 'link', 'failed'].flatMap((ink) => ['bg', 'card', 'soft'].map((paper) => [ink, paper])),
    ...conditions.map((name) => [name, `${name}-bg`]),
    ['degraded', 'card'],
    ['degraded', 'soft'],
  ])('%s on %s is readable', (ink, paper) => {
    expect(contrast(variables.get(ink!)!, variables.get(paper!)!)).toBeGreaterThanOrEqual(4.5);
  });
});

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const digits = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join('') : colour.slice(1);
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const part = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
