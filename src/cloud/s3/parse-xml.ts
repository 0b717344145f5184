import { S3Error } from './errors.ts';

/** An element of a request's document, its namespace prefix dropped. */
export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

interface OpenElement {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

const DEEPEST = 16;
const TOKEN =
  /<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\/([^\s<>/]+)\s*>|<([^\s<>/!?]+)((?:\s+[^\s=<>/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;

/**
 * The small XML that requests carry: elements and text. Attributes are read over; a DOCTYPE and its entities do not match
 * and are refused with everything else that is not well-formed.
 */
export function parseXml(source: string): XmlElement {
  const root: OpenElement = { name: '', children: [], text: '' };
  const open: OpenElement[] = [root];
  const text = source.replace(/^\ufeff/, '');
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const token = TOKEN.exec(text);
    if (!token) throw new S3Error('MalformedXML');
    takeToken(open, token);
  }
  const [only, ...others] = root.children;
  if (open.length !== 1 || !only || others.length > 0 || root.text.trim() !== '') throw new S3Error('MalformedXML');
  return only;
}

function takeToken(open: OpenElement[], [, cdata, closed, opened, , selfClosing, text]: RegExpExecArray): void {
  const current = open.at(-1)!;
  if (cdata !== undefined) current.text += cdata;
  else if (text !== undefined) current.text += unescapeXml(text);
  else if (closed !== undefined) {
    if (open.length === 1 || current.name !== localName(closed)) throw new S3Error('MalformedXML');
    open.pop();
  } else if (opened !== undefined) {
    const child: OpenElement = { name: localName(opened), children: [], text: '' };
    current.children.push(child);
    if (!selfClosing) open.push(child);
    if (open.length > DEEPEST) throw new S3Error('MalformedXML');
  }
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

const NAMED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));|&/gi,
    (_, hex?: string, decimal?: string, name?: string) => {
      const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
      const character = Number.isNaN(code) ? NAMED.get(name ?? '') : characterOf(code);
      if (character === undefined) throw new S3Error('MalformedXML');
      return character;
    },
  );
}

function characterOf(code: number): string | undefined {
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return surrogate || code > 0x10ffff ? undefined : String.fromCodePoint(code);
}

export function child(of: XmlElement, name: string): XmlElement | undefined {
  return of.children.find((each) => each.name === name);
}

export function childText(of: XmlElement, name: string): string | undefined {
  return child(of, name)?.text.trim();
}
