/**
 * One page of a listing, in either version:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
 */
export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** Opaque, without quotes. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly prefixes: readonly string[];
  readonly truncated: boolean;
  /** Version 2's way on. */
  readonly continuationToken: string | undefined;
  /** What only version 2 says: a page without it, asked for by `list-type=2`, is from a store that did not hear that. */
  readonly keyCount: number | undefined;
  /** Version 1's way on, where the store names one. */
  readonly nextMarker: string | undefined;
  /** Where to go on from by version 1 where the store names no marker: the last key or common prefix of this page. */
  readonly last: string | undefined;
}

/** The answers do not make a listing; the message says how. */
export class NoListing extends Error {}

const TAGS = {
  encodingType: tag('EncodingType'),
  contents: tag('Contents'),
  commonPrefixes: tag('CommonPrefixes'),
  key: tag('Key'),
  size: tag('Size'),
  lastModified: tag('LastModified'),
  etag: tag('ETag'),
  prefix: tag('Prefix'),
  isTruncated: tag('IsTruncated'),
  nextContinuationToken: tag('NextContinuationToken'),
  keyCount: tag('KeyCount'),
  nextMarker: tag('NextMarker'),
};

/**
 * Reads a page; undefined when the text is not one. No XML parser: the answer is flat, its names are fixed, and general
 * parsers are where entity expansion and prototype pollution come from. A document type is refused, and so is a page with
 * an entry that cannot be read whole: leaving it out would make an object absent.
 */
export function parseListPage(xml: string): ListPage | undefined {
  if (!/<ListBucketResult[\s>]/.test(xml) || !/<\/ListBucketResult>\s*$/.test(xml) || xml.includes('<!'))
    return undefined;
  if (/<IsTruncated>(?!(true|false)<)/.test(xml)) return undefined;
  const decode = field(xml, TAGS.encodingType) === 'url' ? decodeUrl : (text: string) => text;
  const contents = blocks(xml, TAGS.contents);
  const groups = blocks(xml, TAGS.commonPrefixes);
  if (!contents || !groups) return undefined;
  const objects: ListedObject[] = [];
  for (const block of contents) {
    const key = field(block, TAGS.key);
    const size = wholeNumber(field(block, TAGS.size));
    const lastModified = Date.parse(field(block, TAGS.lastModified) ?? '');
    if (key === undefined || size === undefined || Number.isNaN(lastModified)) return undefined;
    objects.push({ key: decode(key), size, lastModified, etag: unquote(field(block, TAGS.etag) ?? '') });
  }
  const prefixes: string[] = [];
  for (const block of groups) {
    const prefix = field(block, TAGS.prefix);
    if (prefix === undefined) return undefined;
    prefixes.push(decode(prefix));
  }
  return {
    objects,
    prefixes,
    truncated: field(xml, TAGS.isTruncated) === 'true',
    continuationToken: field(xml, TAGS.nextContinuationToken),
    keyCount: wholeNumber(field(xml, TAGS.keyCount)),
    nextMarker: optional(field(xml, TAGS.nextMarker), decode),
    last: later(objects.at(-1)?.key, prefixes.at(-1)),
  };
}

/** The later of the two, by the bytes of their UTF-8, as a listing is ordered. */
function later(key: string | undefined, prefix: string | undefined): string | undefined {
  if (key === undefined || prefix === undefined) return key ?? prefix;
  return Buffer.compare(Buffer.from(key), Buffer.from(prefix)) > 0 ? key : prefix;
}

/** Some stores write an empty element for none. */
function optional(text: string | undefined, decode: (text: string) => string): string | undefined {
  return text === undefined || text === '' ? undefined : decode(text);
}

/** The `<Code>` of an S3 error document. */
export function parseErrorCode(xml: string): string | undefined {
  const code = /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(xml)?.[1];
  return code;
}

/** Entity tags are opaque; only the quotes around them differ between servers and headers. */
export function unquote(etag: string): string {
  const strong = etag.startsWith('W/') ? etag.slice(2) : etag;
  return strong.length > 1 && strong.startsWith('"') && strong.endsWith('"') ? strong.slice(1, -1) : strong;
}

interface Tag {
  readonly open: string;
  readonly close: string;
}

/** Made once: a listing of ten thousand objects asks for fifty thousand of them. */
function tag(name: string): Tag {
  return { open: `<${name}>`, close: `</${name}>` };
}

/** undefined: one of them does not end. */
function blocks(xml: string, { open, close }: Tag): string[] | undefined {
  const found: string[] = [];
  for (let at = xml.indexOf(open); at >= 0; at = xml.indexOf(open, at)) {
    const end = xml.indexOf(close, at);
    if (end < 0) return undefined;
    found.push(xml.slice(at + open.length, end));
    at = end + close.length;
  }
  return found;
}

function field(xml: string, { open, close }: Tag): string | undefined {
  const start = xml.indexOf(open);
  if (start < 0) return undefined;
  const end = xml.indexOf(close, start);
  return end < 0 ? undefined : unescapeXml(xml.slice(start + open.length, end));
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = /^\s*\d+\s*$/.test(text ?? '') ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  const quoted = /^&quot;([^&]*)&quot;$/.exec(text); // nearly every entity tag
  if (quoted) return `"${quoted[1]}"`;
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function decodeUrl(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return text;
  }
}
