import type { ListedObject } from '../aws/listing-xml.ts';
import type { Sink } from '../aws/read.ts';

/** The least that is asked of a place to read a role from. Keys are relative to the role's prefix. */
export interface Store {
  /** For people: `s3://bucket/prefix`, `directory buckets/planet`. */
  readonly name: string;
  /**
   * With `/`, what lies deeper comes as prefixes that end in a slash. `known` are prints of earlier answers: what is named under
   * one of them need not be read again before it is asked for.
   */
  list(prefix: string, delimiter: '/' | undefined, known?: ReadonlySet<string>): Promise<Listed>;
  /** The very bytes that were listed, or an error: PreconditionFailed when they changed since. */
  read(object: StoredObject, sink: Sink): Promise<void>;
  /** The store's own clock, milliseconds since 1970, by its last answer. */
  serverDate(): number | undefined;
  /** Requests and bytes so far. */
  cost(): { readonly requests: number; readonly bytes: number };
}

export type StoredObject = ListedObject;

export interface Listed {
  readonly objects: readonly StoredObject[];
  readonly prefixes: readonly string[];
  /** Equal ones name equal objects. None, where the store has no such thing. */
  readonly prints?: readonly string[];
}
