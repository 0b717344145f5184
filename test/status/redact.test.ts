import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactedTail } from '../../src/status/redact.ts';
import { SEED } from '../support/seeded.ts';

const SECRET = 'p"a/s s\\w+ö?&=1';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a secret that is known', () => {
  it.each([
    ['raw', `value ${SECRET} end`],
    ['raw, twice and glued', `${SECRET}${SECRET}x`],
    ['in JSON', JSON.stringify({ a: SECRET })],
    ['in JSON in JSON', JSON.stringify({ a: JSON.stringify({ b: SECRET }) })],
    ['in a URL', `http://example.com/?q=${encodeURIComponent(SECRET)}&r=1`],
    [
      'in a URL, in small hex',
      `http://example.com/?q=${encodeURIComponent(SECRET).replace(/%../g, (hex) => hex.toLowerCase())}`,
    ],
    ['in base64', `x ${base64(SECRET)} y`],
    ['in base64 without its padding', `x ${base64(SECRET).replace(/=+$/, '')} y`],
    ['in the base64 of a line', `x ${base64(`${SECRET}\n`)} y`],
    ['in base64 for URLs', `x ${Buffer.from(SECRET).toString('base64url')} y`],
    ['over two lines', `a\n${SECRET}\nb`],
  ])('%s is gone', (_form, output) => {
    const shown = redactedTail(output, [SECRET]);
    expect(shown).toContain('[redacted]');
    for (const form of [
      SECRET,
      JSON.stringify(SECRET).slice(1, -1),
      encodeURIComponent(SECRET),
      base64(SECRET).slice(0, 12),
    ])
      expect(shown).not.toContain(form);
    expect(shown).not.toMatch(/p%22a|s\+w|s w\+/i);
  });

  it('whose beginning was cut off with the rest of a long output is not told by its end', () => {
    const output = `${SECRET.slice(3)}${'x'.repeat(65_536)}`;
    const shown = redactedTail(output.slice(0, 65_536), [SECRET]);
    expect(shown).not.toContain(SECRET.slice(3));
    // A status must be read by others: a progress bar has no line ends, and may be megabytes long.
    expect(redactedTail(`${'#\r'.repeat(2_000_000)} failed`, []).length).toBeLessThan(65_536);
    expect(redactedTail(`${'#\r'.repeat(2_000_000)} failed`, [])).toMatch(/ failed$/);
  });

  it('that holds another is replaced whole, whatever their order', () => {
    for (const secrets of [
      ['secret', 'secret-longer'],
      ['secret-longer', 'secret'],
    ])
      expect(redactedTail('x secret-longer y secret z', secrets)).toBe('x [redacted] y [redacted] z');
  });

  it('of more than one line is gone', () => {
    expect(redactedTail('a\nfirst line\nsecond line\nb', ['first line\nsecond line'])).toBe('a\n[redacted]\nb');
  });

  it.each(['', 'a', '80', 'yes'])('that is as short as %j would take half the words with it: left', (secret) => {
    expect(redactedTail('say yes on port 80', [secret])).toBe('say yes on port 80');
  });

  it('with the signs of a replacement pattern is taken as it is', () => {
    expect(redactedTail("a $& b $1 c $' d", ["$& b $1 c $'"])).toBe('a [redacted] d');
  });

  it('is never there, whatever is printed around it and whatever it is', () => {
    const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }));
    const secret = fc
      .string({ unit: 'grapheme', minLength: 6, maxLength: 30 })
      .filter((word) => word.trim().length > 5);
    const property = fc.property(text, secret, text, (before, word, after) => {
      const shown = redactedTail(`${before}${word}${after} ${JSON.stringify(word)} ${base64(word)}`, [word]);
      expect('[redacted]'.includes(word) || !shown.includes(word)).toBe(true);
    });
    fc.assert(property, { seed: SEED, numRuns: 2_000 });
    console.log(`redacted secrets: seed ${SEED}, 2000 outputs`);
  });

  it('with half a character does not stop the report', () => {
    expect(redactedTail('x \ud800abcdef y', ['\ud800abcdef'])).toBe('x [redacted] y');
  });
});

const KEY = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ
AAAEC0xNb3JlQmFzZTY0
-----END OPENSSH PRIVATE KEY-----`;

describe('what looks like a secret', () => {
  it.each([
    ['a private key', `before\n${KEY}\nafter`, 'before\n[redacted]\nafter'],
    ['a private key in JSON', JSON.stringify({ key: KEY }), '{"key":"[redacted]"}'],
    ['a private key that is cut off at its end', `before\n${KEY.slice(0, 80)}`, 'before\n[redacted]'],
    ['a private key that is cut off at its beginning', `${KEY.slice(60)}\nafter`, '[redacted]\nafter'],
    ['two private keys', `${KEY}\nbetween\n${KEY}`, '[redacted]\nbetween\n[redacted]'],
    ['an access key', 'using AKIAIOSFODNN7EXAMPLE now', 'using [redacted] now'],
    ['a passing access key', 'ASIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['a URL with a password', 'mysql://user:hunter2@db.example:3306/x', 'mysql://user:[redacted]@db.example:3306/x'],
    ['a URL with a password alone', 'redis://:hunter2@cache', 'redis://:[redacted]@cache'],
    ['an assignment', 'password = hunter2 ok', 'password = [redacted] ok'],
    ['an environment', 'MYSQL_PASSWORD=hunter2', 'MYSQL_PASSWORD=[redacted]'],
    ['JSON', '{"password": "hunter 2", "port": 1}', '{"password": [redacted], "port": 1}'],
    ['YAML', 'api_key: "hunter 2"\nport: 1', 'api_key: [redacted]\nport: 1'],
    ['an option', '--token=hunter2 --port=1', '--token=[redacted] --port=1'],
    ['a bearer', 'Authorization: Bearer eyJhbGciOi.J9 x', 'Authorization: [redacted]'],
    ['basic authorization', 'authorization: Basic dXNlcjpodW50ZXIy', 'authorization: [redacted]'],
    ['a signature', 'Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature=abc', 'Authorization: [redacted]'],
    ['a session', 'x-amz-security-token: FwoGZXIvYXdzEBY', 'x-amz-security-token: [redacted]'],
  ])('%s', (_what, output, shown) => {
    expect(redactedTail(output, [])).toBe(shown);
  });

  it.each([
    'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)',
    'E: Unable to locate package nginx',
    'http://127.0.0.1:8080/a@b',
    'password required for user web',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
    '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----',
  ])('what is none is left: %s', (output) => {
    expect(redactedTail(output, [])).toBe(output);
  });
});

describe('the tail', () => {
  it('is the last forty lines, without blank ones at the end, control characters shown', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    expect(redactedTail(`${lines.join('\n')}\n\n \n`, []).split('\n')).toEqual(lines.slice(-40));
    expect(redactedTail('\u001b[31mred\u0007\u0000', [])).toBe('\\x1b[31mred\\x07\\x00');
  });

  it.each([
    ['plain lines', 'a line of sixty-four characters, one after the other ..........\n'],
    ['one line', 'x'],
    ['what might begin a URL', 'a-b.c+'],
    ['half URLs', 'a://b:'],
    ['words of giving away', 'password'],
    ['giving away without end', 'password=\n'],
    ['blanks after a password', 'password          '],
    ['beginnings of keys', '-----BEGIN PRIVATE KEY-----'],
    ['half beginnings of keys', '-----BEGIN A '],
    ['ends of keys', '-----END PRIVATE KEY-----'],
    ['quotes', 'password="'],
    ['base64', 'QUtJQUlPU0ZPRE5ON0VYQU1QTEU='],
    ['access keys', 'AKIA'],
    ['line ends', '\n'],
    ['blanks', ' '],
    ['bearers', 'authorization: bearer '],
  ])('1 MB of %s is done in no time', (_what, piece) => {
    const output = piece.repeat(Math.ceil(1_048_576 / piece.length));
    const started = performance.now();
    redactedTail(output, ['some secret', 'another one', 'x'.repeat(100)]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
