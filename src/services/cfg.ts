import { HauloutError } from '../lib/errors.ts';

/** What a service is told about itself. A key without a value is left out. */
interface CfgService {
  readonly serviceId: string;
  readonly role: string;
  readonly instanceId: string;
  readonly user: string;
  readonly directory: string;
  readonly port?: number | undefined;
  /** Local IPv4. */
  readonly address?: string | undefined;
  readonly publicAddress?: string | undefined;
  readonly region?: string | undefined;
}

interface CfgChange {
  /** `file:/etc/motd`, `package:nginx`. */
  readonly subject: string;
  /** Digest or version; undefined or empty: it was not there. */
  readonly before?: string | undefined;
  /** undefined or empty: it is not there any more. */
  readonly after?: string | undefined;
}

/** For bin/drain. */
interface CfgNotice {
  /** spot, scheduled, autoscaling, shutdown. */
  readonly kind: string;
  /** Whole seconds until stop hooks must have ended. */
  readonly seconds: number;
  /** ISO 8601, when the machine goes, where that was said. */
  readonly deadline?: string | undefined;
}

export interface CfgContent {
  readonly service: CfgService;
  /** Why this instance leaves; absent as long as it stays. */
  readonly notice?: CfgNotice;
  /** By the need's name. */
  readonly needs?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly changed: readonly CfgChange[];
  readonly custom: Readonly<Record<string, string>>;
}

/**
 * `service.cfg`, made for hooks that read it with `grep ^key= FILE | cut -f 2- -d =`: sections, one `key=value` a line,
 * no blanks around `=`, no quotes, no comments, values as they were written.
 *
 *     [service]
 *     serviceId=web
 *     port=80
 *     [notice]
 *     kind=spot
 *     seconds=110
 *     [needs.db]
 *     addresses=10.0.0.7
 *     [changed]
 *     file:/etc/nginx/nginx.conf=OLD NEW
 *     [custom]
 *     title=Planet #1
 *
 * A line of `[changed]` has what was activated last and what is there now, as sha256 or version, one blank between; `-`
 * stands for absent. A `%` or `=` in a path is written %25 or %3D, so that the first `=` of a line is always the sign.
 */
export function renderCfg(content: CfgContent): string {
  const subject = `service:${content.service.serviceId}`;
  const needs = Object.entries(content.needs ?? {});
  const lines = [
    ...section('service', Object.entries(content.service), subject),
    ...(content.notice ? section('notice', Object.entries(content.notice), subject) : []),
    ...needs.flatMap(([name, values]) => section(`needs.${name}`, Object.entries(values), subject)),
    ...section('changed', content.changed.map(changeEntry), subject),
    ...section('custom', Object.entries(content.custom), subject),
  ];
  return `${lines.join('\n')}\n`;
}

function section(
  name: string,
  entries: readonly (readonly [string, string | number | undefined])[],
  subject: string,
): string[] {
  const lines = [`[${name}]`];
  for (const [key, value] of entries) if (value !== undefined) lines.push(line(name, key, String(value), subject));
  return lines;
}

function line(section: string, key: string, value: string, subject: string): string {
  if (!/^[^\s=[#;\u0000-\u001f][^=\u0000-\u001f]*$/.test(key)) throw refused(`a key of [${section}]`, subject);
  // Names only: the value may be a secret.
  if (/[\u0000-\u0008\u000a-\u001f]/.test(value)) throw refused(`the value of ${key} in [${section}]`, subject);
  return `${key}=${value}`;
}

function changeEntry(change: CfgChange): readonly [string, string] {
  const key = change.subject.replace(/[%=]/g, (c) => (c === '=' ? '%3D' : '%25'));
  return [key, `${change.before || '-'} ${change.after || '-'}`];
}

function refused(what: string, subject: string): HauloutError {
  return new HauloutError({
    code: 'cfg-refused',
    step: 'service',
    subject,
    reason: `${what} does not fit on one line of service.cfg`,
    hint: 'write it without line breaks and control characters; a long text belongs in a file of the image',
  });
}
