import { visible } from '../lib/log.ts';

const KEEP_LINES = 40;
/** Far less than what is kept of an output: where that was cut, it may begin with the end of a secret. */
const KEEP_CHARACTERS = 16_384;
const SHORTEST_SECRET = 4;
const GONE = '[redacted]';

/**
 * Words that give a secret away by what stands before it; the value goes, the name stays. Every repetition in these patterns is
 * bounded, or ends at a character that begins the next match: they stay fast on a megabyte of anything.
 */
const GIVEAWAYS =
  /((?:pass(?:word|wd|phrase)?|secret|token|credential|api[-_]?key|private[-_]?key)(?:\\*["'])?\s*[:=]\s*)(\\*"[^"\n]*"|\\*'[^'\n]*'|\S+)/gi;
const AUTHORIZATION = /(authorization(?:\\*["'])?\s*[:=]\s*)[^\n]+/gi;
const KEY_BLOCK =
  /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)/g;
/** The end of a key whose beginning was cut off with the rest of a long output. */
const KEY_END = /^[\s\S]*-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/;
const ACCESS_KEY = /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g;
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]*:)[^\s/@]+@/gi;

/**
 * The end of a program's output, fit to leave the machine: known secrets (the custom values that reached the hook, our own
 * keys) and what looks like one are replaced, control characters shown. A second net: hooks should not print secrets.
 */
export function redactedTail(output: string, secrets: readonly string[]): string {
  const known = [...secrets].filter((secret) => secret.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  let text = output;
  for (const secret of known) for (const form of forms(secret)) text = text.replaceAll(form, GONE);
  text = text
    .replace(KEY_BLOCK, GONE)
    .replace(KEY_END, GONE)
    .replace(AUTHORIZATION, `$1${GONE}`)
    .replace(GIVEAWAYS, `$1${GONE}`)
    .replace(ACCESS_KEY, GONE)
    .replace(URL_PASSWORD, `$1${GONE}@`);
  return visible(text.trimEnd().split('\n').slice(-KEEP_LINES).join('\n').slice(-KEEP_CHARACTERS));
}

/** The ways a value shows up in output: raw, in JSON, in JSON in JSON, in a URL, in base64. */
function forms(secret: string): Set<string | RegExp> {
  const json = JSON.stringify(secret).slice(1, -1);
  // Half a character cannot stand in a URL: as UTF-8 has it.
  const url = encodeURIComponent(Buffer.from(secret).toString());
  const smallHex = url.replace(/%../g, (hex) => hex.toLowerCase());
  return new Set([secret, json, JSON.stringify(json).slice(1, -1), url, smallHex, ...base64Forms(Buffer.from(secret))]);
}

/**
 * Base64 of text that the value is a part of (`user:password`, a line with its end) has, by where the value begins, one of three
 * middles; what stands around them holds bits of the neighbours.
 */
function base64Forms(secret: Buffer): RegExp[] {
  return [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), secret]);
    const middle = whole.toString('base64').slice(shift === 0 ? 0 : 4, Math.floor(whole.length / 3) * 4);
    if (middle.length < 8) return [];
    const either = middle.replaceAll('+', '[+-]').replaceAll('/', '[/_]');
    return [new RegExp(`${either}[A-Za-z0-9+/_-]{0,3}={0,2}`, 'g')];
  });
}
