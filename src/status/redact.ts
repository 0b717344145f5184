import { visible } from '../lib/log.ts';

const KEEP_LINES = 40;
const SHORTEST_SECRET = 4;

/** Words that give a secret away by what stands before it; the value goes, the name stays. */
const GIVEAWAYS =
  /((?:pass(?:word|wd|phrase)?|secret|token|credential|api[-_]?key|private[-_]?key|authorization)["']?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|\S+)/gi;
const KEY_BLOCK = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const ACCESS_KEY = /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g;
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;

/**
 * The end of a program's output, fit to leave the machine: known secrets (the custom values that reached the hook, our own
 * keys) and what looks like one are replaced, control characters shown. A second net: hooks should not print secrets.
 */
export function redactedTail(output: string, secrets: readonly string[]): string {
  const known = [...secrets].filter((secret) => secret.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  let text = output;
  for (const secret of known) for (const form of forms(secret)) text = text.replaceAll(form, '[redacted]');
  text = text
    .replace(KEY_BLOCK, '[redacted]')
    .replace(GIVEAWAYS, '$1[redacted]')
    .replace(ACCESS_KEY, '[redacted]')
    .replace(URL_PASSWORD, '$1[redacted]@');
  return visible(text.trimEnd().split('\n').slice(-KEEP_LINES).join('\n'));
}

/** The ways a value shows up in output: raw, in JSON, in a URL, in base64. */
function forms(secret: string): string[] {
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
  ];
}
