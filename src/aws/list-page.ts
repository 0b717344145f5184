import { createHash } from 'node:crypto';
import { once } from '../lib/once.ts';
import { type ListedObject, type ListPage, NoListing, parseListPage } from './listing-xml.ts';

/** A page of a listing, with the print of what it names. */
export interface PrintedPage extends Omit<ListPage, 'objects'> {
  /** sha256 over its bytes from the first object to the last, and their encoding: the same in every answer while they are. */
  readonly print: string;
  /** Read when first asked for, where the print was known. Throws NoListing. */
  objects(): readonly ListedObject[];
}

const OPEN = '<Contents>';
const CLOSE = '</Contents>';

/**
 * Reads a page; undefined when it is not one. A bucket at rest lists, page by page, the bytes that it listed before: of a page
 * whose print is known only the frame around its objects is read, and of these the last, which may say where the next page begins.
 * That is the most part of what a look costs which finds nothing to do.
 */
export function readListPage(body: Buffer, known: ReadonlySet<string>): PrintedPage | undefined {
  const first = body.indexOf(OPEN);
  const last = first < 0 ? -1 : body.lastIndexOf(OPEN);
  const end = first < 0 ? -1 : body.lastIndexOf(CLOSE);
  const encoded = body.subarray(0, Math.max(first, 0)).includes('<EncodingType>url<');
  const contents = createHash('sha256').update(encoded ? 'url\n' : '\n');
  const print = contents.update(first < 0 ? '' : body.subarray(first, end)).digest('hex');
  if (first < 0 || last > end || !known.has(print)) {
    const page = parseListPage(body.toString('utf8'));
    return page && { ...page, print, objects: () => page.objects };
  }
  const frame = parseListPage(body.toString('utf8', 0, first) + body.toString('utf8', last));
  const objects = once(() => {
    const page = parseListPage(body.toString('utf8'));
    if (!page) throw new NoListing('the body is not one');
    return page.objects;
  });
  return frame && { ...frame, print, objects };
}
