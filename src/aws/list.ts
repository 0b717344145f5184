import { once } from '../lib/once.ts';
import type { PrintedPage } from './list-page.ts';
import { type ListedObject, NoListing } from './listing-xml.ts';

/** A query of one page: decoded names and values. */
export type ListQuery = readonly (readonly [string, string])[];

export interface Listing {
  /** Of pages whose prints were known they are read when this is first asked for. */
  readonly objects: readonly ListedObject[];
  readonly prefixes: readonly string[];
  /** The print of each page: equal ones name equal objects. */
  readonly prints: readonly string[];
}

/** A store whose listing goes on after so many pages has none that ends. */
const MOST_PAGES = 2_000;

/**
 * Reads listings page by page. Stores from before 2016 (Walrus of Eucalyptus 4) know version 1 only: they do not hear
 * `list-type=2`, answer the first page and name no token, so that a client of version 2 would stop there and take the rest
 * for absent. Such a store is known by that page, read on by marker, and asked by version 1 from then on.
 */
export class Lister {
  readonly #page: (query: ListQuery, known: ReadonlySet<string>) => Promise<PrintedPage>;
  #version: 1 | 2 = 2;

  constructor(page: (query: ListQuery, known: ReadonlySet<string>) => Promise<PrintedPage>) {
    this.#page = page;
  }

  /** All pages of a listing. With `delimiter`, what lies deeper comes as `prefixes`. Throws NoListing. */
  async list(prefix: string, delimiter: '/' | undefined, known: ReadonlySet<string>): Promise<Listing> {
    const pages: PrintedPage[] = [];
    let from: string | undefined;
    while (pages.length < MOST_PAGES) {
      const page = await this.#page(this.#query(prefix, delimiter, from), known);
      pages.push(page);
      if (!page.truncated) return whole(pages);
      const next = this.#wayOn(page);
      if (next === undefined) throw new NoListing('it is cut off without a way on');
      if (next === from) throw new NoListing('it goes round in a circle');
      from = next;
    }
    throw new NoListing(`it does not end after ${MOST_PAGES} pages`);
  }

  #query(prefix: string, delimiter: string | undefined, from: string | undefined): ListQuery {
    const version: ListQuery = this.#version === 2 ? [['list-type', '2']] : [];
    const further: ListQuery = [
      ...(delimiter === undefined ? [] : [['delimiter', delimiter] as const]),
      ...(from === undefined ? [] : [[this.#version === 2 ? 'continuation-token' : 'marker', from] as const]),
    ];
    return [...version, ['encoding-type', 'url'], ['prefix', prefix], ...further];
  }

  #wayOn(page: PrintedPage): string | undefined {
    if (page.continuationToken !== undefined) return page.continuationToken;
    if (this.#version === 2 && page.keyCount !== undefined) return undefined;
    this.#version = 1;
    return page.nextMarker ?? page.last;
  }
}

function whole(pages: readonly PrintedPage[]): Listing {
  const objects = once(() => pages.flatMap((page) => page.objects()));
  return {
    get objects() {
      return objects();
    },
    // A marker inside a group has it listed twice.
    prefixes: [...new Set(pages.flatMap((page) => page.prefixes))],
    prints: pages.map(({ print }) => print),
  };
}
