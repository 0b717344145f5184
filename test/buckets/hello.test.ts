import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Liquid } from 'liquidjs';
import { expect, test } from 'vitest';

const page = fileURLToPath(new URL('../../buckets/hello/root/var/www/html/index.html', import.meta.url));

test('the page asks for nothing but what every instance knows of itself, and escapes it', async () => {
  const liquid = new Liquid({ strictVariables: true, strictFilters: true });
  const instance = { instanceId: 'i-0<b>', instanceType: 't3.micro', availabilityZone: 'local-1a' };
  const html = await liquid.parseAndRender(readFileSync(page, 'utf8'), { role: 'hello', instance });
  expect(html).toContain('<dd>i-0&lt;b&gt;</dd>');
  expect(html).toContain('<dd>hello</dd>');
  expect(html).not.toMatch(/\{\{|\{%|<b>/);
});
