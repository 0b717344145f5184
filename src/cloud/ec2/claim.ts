import type { IncomingMessage } from 'node:http';

/** A request as it was signed: the body is part of the signature here, whatever a header says of its digest. */
export interface Signed {
  readonly incoming: IncomingMessage;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Who a request says it is from, whichever version of signatures says so. */
export interface Claim {
  readonly accessKeyId: string;
  /** When it was signed, in milliseconds since 1970. */
  readonly at: number;
  readonly token: string;
  /** Parameters that are the signature's own. */
  readonly parameters: readonly string[];
  /** Whether who signed knew this secret. */
  readonly holds: (secretAccessKey: string) => boolean;
}
