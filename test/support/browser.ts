import { type Browser, chromium, type Page } from 'playwright-core';
import { command } from './needs.ts';

export const chromiumNeed = command('chromium', 'chromium');

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page of ours in a browser; `complaints` are what it said, asked anybody for, or wanted to show a dialog for. */
export interface Visit {
  readonly page: Page;
  readonly complaints: readonly string[];
}

export async function visit<T>(
  url: string,
  how: { readonly width: number; readonly height: number; readonly colorScheme: 'light' | 'dark' },
  action: (visit: Visit) => Promise<T>,
): Promise<T> {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
  try {
    const { width, height, colorScheme } = how;
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (request.url() !== url && !request.url().startsWith('data:')) complaints.push(request.url());
    });
    page.on('dialog', (dialog) => {
      complaints.push(dialog.message());
      void dialog.dismiss();
    });
    await page.goto(url, { waitUntil: 'load' });
    return await action({ page, complaints });
  } finally {
    await browser.close();
  }
}

/** What a browser makes of the planet's page. */
export interface Seen {
  readonly screenshot: Buffer;
  readonly title: string;
  readonly entries: number;
  readonly bodyColour: string;
  readonly headerBackground: string;
  /** As it came over the wire, and whether the browser could read it as an image. */
  readonly logo: Buffer;
  readonly logoWidth: number;
  /** Failed requests, and what the page's own policy refused. */
  readonly complaints: readonly string[];
}

export async function look(url: string, screenshot: string): Promise<Seen> {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
  try {
    return await see(browser, url, screenshot);
  } finally {
    await browser.close();
  }
}

async function see(browser: Browser, url: string, screenshot: string): Promise<Seen> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, colorScheme: 'light' });
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText ?? ''}`));
  const logo = page.waitForResponse((response) => new URL(response.url()).pathname === '/logo.png');
  await page.goto(url, { waitUntil: 'load' });
  const picture = await page.screenshot({ path: screenshot });
  // Expressions in words: this program is compiled without the types of a browser.
  const ask = (expression: string) => page.evaluate<string>(expression);
  return {
    screenshot: picture,
    title: await page.title(),
    entries: await page.locator('article.entry').count(),
    bodyColour: await ask('getComputedStyle(document.body).backgroundColor'),
    headerBackground: await ask('getComputedStyle(document.querySelector("header.masthead")).backgroundImage'),
    logo: await (await logo).body(),
    logoWidth: await page.evaluate<number>('document.querySelector("img.logo").naturalWidth'),
    complaints,
  };
}

/** Two pictures, pixel by pixel, as the share of those that differ. The browser decodes them: nothing else here can. */
export async function difference(one: Buffer, other: Buffer): Promise<number> {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
  try {
    const page = await browser.newPage();
    const pictures = JSON.stringify(
      [one, other].map((picture) => `data:image/png;base64,${picture.toString('base64')}`),
    );
    return await page.evaluate<number>(`(${COMPARE})(${pictures})`);
  } finally {
    await browser.close();
  }
}

const COMPARE = `async (pictures) => {
  const [one, other] = await Promise.all(pictures.map(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    return new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
  }));
  return one.filter((pixel, index) => pixel !== other[index]).length / one.length;
}`;
