import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { writeOut } from '../../src/cli/fleet/out-file.ts';
import { pageDocument } from '../../src/cli/fleet/page-document.ts';
import { rowOf } from '../../src/cli/fleet/row.ts';
import { chromiumNeed, visit } from '../support/browser.ts';
import { fleetStore, HOSTILE, KINDS, largeFleet, NOW } from '../support/fleet.ts';
import { describeWith } from '../support/needs.ts';
import { scratch } from '../support/scratch.ts';

const DESK = { width: 1280, height: 900, colorScheme: 'light' } as const;
const PHONE = { width: 390, height: 844, colorScheme: 'dark' } as const;
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const SHOWN =
  '[...document.querySelectorAll("#fleet tbody tr")].filter((row) => !row.hidden).map((row) => row.cells[1].textContent)';

describeWith([chromiumNeed], 'the page of a fleet, in a browser', () => {
  const written = async (statuses: typeof KINDS): Promise<string> => {
    const store = await fleetStore(statuses);
    onTestFinished(() => store.close());
    await store.put('planet/\u001b[2J\u202e<b onclick="x">x</b>.json', '{}');
    const file = join(scratch(), 'fleet.html');
    expect((await store.run('fleet', 'page', 's3://my-bucket', '--out', file)).code).toBe(0);
    return pathToFileURL(file).href;
  };

  it.each([
    ['at a desk', DESK],
    ['on a telephone', PHONE],
  ])(
    'fits, asks nobody for anything, and runs nothing of what hosts wrote: %s',
    async (_what, how) => {
      await visit(await written([HOSTILE, ...KINDS.slice(1)]), how, async ({ page, complaints }) => {
        expect(await page.evaluate<number>(OVERFLOW)).toBe(0);
        for (const detail of await page.locator('details').all()) await detail.evaluate('(one) => { one.open = true }');
        expect(await page.evaluate<number>(OVERFLOW)).toBe(0);
        expect(await page.locator('body').textContent()).toContain(
          '\\u202etxt.exe\\u2066<script>alert(1)</script><img src=x',
        );
        expect(await page.locator('img, b[onclick]').count()).toBe(0);
        expect(complaints).toEqual([]);
      });
    },
    60_000,
  );

  it('filters by words, role and tile, and sorts', async () => {
    await visit(await written(KINDS), DESK, async ({ page, complaints }) => {
      const shown = () => page.evaluate<string[]>(SHOWN);
      await page.fill('.tools input', 'hook-failed PLANET');
      expect(await shown()).toEqual(['i-0de9bad0000000003']);
      expect(await page.locator('.tools output').textContent()).toBe('1 of 9');
      await page.fill('.tools input', '');
      await page.selectOption('.tools select', 'db');
      expect(await shown()).toEqual(['i-0a11ce00000000002']);
      await page.selectOption('.tools select', '');
      await page.click('.tiles a[data-h=healthy]');
      expect(await shown()).toEqual(['i-0a11ce00000000002', 'i-0a11ce00000000001']);
      await page.click('.tiles a[data-h=healthy]');
      await page.click('th:nth-child(2) button');
      const up = await shown();
      expect(up).toHaveLength(9);
      expect(up.slice(0, 2)).toEqual(['i-0a11ce00000000001', 'i-0a11ce00000000002']);
      await page.click('th:nth-child(2) button');
      expect(await shown()).toEqual([...up].reverse());
      await page.click('#fleet a[href="#planet/i-0fa11ed0000000004"]');
      expect(await page.locator('details:target').getAttribute('open')).toBe('');
      expect(complaints).toEqual([]);
    });
  }, 60_000);

  it('of a large fleet, lays out a thousand rows and shows the others when they are wanted', async () => {
    const rows = [...largeFleet(1_500)].map((status) => rowOf(status, NOW));
    const file = join(scratch(), 'fleet.html');
    const view = { now: NOW, rows, unreadable: [] };
    await writeOut(file, pageDocument({ view, details: [], state: 's3://my-bucket/.haulout', role: undefined }));
    await visit(pathToFileURL(file).href, DESK, async ({ page }) => {
      expect(await page.evaluate<string[]>(SHOWN)).toHaveLength(1_000);
      expect(await page.locator('.tools output').textContent()).toBe('1,000 of 1,500 shown');
      await page.click('.tools button');
      expect(await page.evaluate<string[]>(SHOWN)).toHaveLength(1_500);
    });
  }, 60_000);
});
