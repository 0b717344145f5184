/** Text of an answer's element; `undefined` leaves the element out, an array repeats it. */
export type XmlValue = string | number | boolean | undefined | XmlFields | readonly XmlValue[];
export interface XmlFields {
  readonly [name: string]: XmlValue;
}

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

export function xmlDocument(content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${content}`;
}

/** The answer of an operation: its root element in S3's namespace. */
export function result(root: string, fields: XmlFields): string {
  const body = element(root, fields);
  return xmlDocument(body.replace(`<${root}`, `<${root} xmlns="${S3_NAMESPACE}"`));
}

export function element(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  if (isList(value)) return value.map((each) => element(name, each)).join('');
  const content = typeof value === 'object' ? fieldsOf(value) : escapeXml(String(value));
  return content === '' ? `<${name}/>` : `<${name}>${content}</${name}>`;
}

function fieldsOf(fields: XmlFields): string {
  return Object.entries(fields)
    .map(([name, value]) => element(name, value))
    .join('');
}

function isList(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/**
 * S3 writes control characters of keys as character references, although XML 1.0 has no such characters; clients
 * that care ask for encoding-type=url.
 */
function escapeXml(text: string): string {
  return text.replace(/[&<>"'\u0000-\u001f\u007f\ufffe\uffff]/g, (c) =>
    ENTITIES[c] ? `&${ENTITIES[c]};` : `&#x${c.charCodeAt(0).toString(16).toUpperCase()};`,
  );
}
