import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderTemplate, type TemplateValues, templateValues } from '../../src/apply/templates.ts';
import type { Identity } from '../../src/metadata/provider.ts';
import { specOf, unitService } from '../support/planned.ts';
import { put, scratch } from '../support/scratch.ts';

const instance = { instanceId: 'i-0abc', localIpv4: '10.77.0.10', publicIpv4: '', region: 'eu-central-1' } as Identity;
const services = [unitService('web', { port: 80, custom: { title: 'Planet <1>', port: '81' } }), unitService('db')];
const values: TemplateValues = templateValues(specOf({ services }), instance, 'planet');

const render = (text: string) => renderTemplate(text, values, '/etc/motd');
const reason = async (text: string): Promise<string> => {
  const error = await render(text).then(
    (result) => `rendered: ${result}`,
    (failure) => failure,
  );
  if (typeof error === 'string') return error;
  expect(error).toMatchObject({ code: 'template-failed', step: 'files', subject: 'file:/etc/motd' });
  return error.reason;
};

describe('a template', () => {
  it.each([
    ['{{ instance.instanceId }} in {{ instance.region }}', 'i-0abc in eu-central-1'],
    ['{{ role }}', 'planet'],
    ['{% for s in services %}{{ s.id }}{% if s.port %}:{{ s.port }}{% endif %} {% endfor %}', 'web:80 db '],
    ['{{ custom.web.title }} {{ custom["web"].port }}', 'Planet <1> 81'],
    ['{{ custom.web.title | escape }}', 'Planet &lt;1&gt;'],
    ['{% if instance.publicIpv4 == "" %}private{% endif %}', 'private'],
    ['{% if custom.web.nothing %}yes{% else %}no{% endif %}', 'no'],
    ['{{ custom.web.nothing | default: "none" }}', 'none'],
    ['{% raw %}{{ not.ours }}{% endraw %}', '{{ not.ours }}'],
    ['no words of ours\n', 'no words of ours\n'],
    ['', ''],
  ])('%s', async (text, result) => {
    expect(await render(text)).toBe(result);
  });

  it.each([
    ['ok\nok {{ nothing }}', 'undefined variable: nothing, line:2, col:7'],
    ['{{ instance.password }}', 'undefined variable: instance.password, line:1, col:4'],
    ['{{ role | nonsense }}', 'undefined filter: nonsense, line:1, col:1'],
    ['\n{% if %}', 'line:2, col:6'],
    ['{% nonsense %}', 'tag "nonsense" not found, line:1, col:1'],
    ['{{ role', 'line:1, col:1'],
  ])('%j fails with its place', async (text, words) => {
    expect(await reason(text)).toContain(words);
  });
});

describe('a template reaches nothing of the machine', () => {
  it('no file, by whatever name', async () => {
    const secret = put(join(scratch(), 'secret.liquid'), 'root only');
    for (const name of [secret, secret.replace('.liquid', ''), '../../etc/passwd', '/etc/passwd', './secret']) {
      for (const tag of ['include', 'render', 'layout']) {
        const text = await reason(`{% ${tag} '${name}' %}{% block x %}{% endblock %}`);
        expect(text).toMatch(/^the template cannot be rendered: /);
        expect(text).not.toMatch(/root only|root:x/);
      }
    }
  });

  it.each([
    '{{ role.constructor }}',
    '{{ instance.constructor }}',
    '{{ instance.__proto__ }}',
    '{{ instance.constructor.constructor }}',
    '{{ instance["__proto__"]["toString"] }}',
    '{{ services.constructor.prototype }}',
    '{{ custom.prototype }}',
    '{{ custom.hasOwnProperty }}',
    '{{ services | map: "constructor" | first | json }}',
    '{{ process.env.PATH }}',
    '{{ globalThis }}',
    '{{ require }}',
    '{{ this }}',
    '{% assign f = instance.toString %}{{ f }}',
    '{{ services | where: "__proto__" | json }}',
    '{{ services | where_exp: "x", "x.constructor.constructor" | json }}',
  ])('no function and no prototype: %s', async (text) => {
    const said = await reason(text);
    expect(said).not.toMatch(/function|native code|\[object|\/usr|=>/);
    expect(said).toMatch(/undefined variable|rendered: (\[\]|null|)$/);
  });

  it.each([
    ['time', '{% for a in (1..30000) %}{% for b in (1..30000) %}{% assign x = a | times: b %}{% endfor %}{% endfor %}'],
    ['memory', '{% assign x = "aaaaaaaa" %}{% for a in (1..60) %}{% assign x = x | append: x %}{% endfor %}{{ x }}'],
    ['a range', '{% for a in (1..999999999999) %}{{ a }}{% endfor %}'],
    ['its own length', 'x'.repeat(1_000_001)],
  ])('no more than its share of %s', async (_what, text) => {
    const started = performance.now();
    expect(await reason(text)).toMatch(/limit/);
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});
