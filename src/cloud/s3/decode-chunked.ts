import { createHash, createHmac } from 'node:crypto';
import { EMPTY_SHA256 } from '../../aws/sigv4.ts';
import { sameText } from './authenticate.ts';
import { S3Error } from './errors.ts';

/**
 * aws-chunked, the framing inside the body:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
 */
export interface ChunkSigning {
  readonly key: Buffer;
  readonly date: string;
  readonly scope: string;
  /** The signature of the request's head, which the first chunk's builds on. */
  readonly seed: string;
}

export interface Framing {
  /** undefined: the chunks are not signed. */
  readonly signing: ChunkSigning | undefined;
  /** Whether headers follow the last chunk. */
  readonly trailer: boolean;
}

/** Lower-case name to value, filled when the body has ended. */
export type Trailers = Map<string, string>;

const LONGEST_LINE = 4_096;
const LONGEST_TRAILER = 16_384;

/**
 * The data of the chunks. Each is passed on as it comes and its signature is checked at its end: what was received
 * counts only when this generator has ended without throwing.
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  framing: Framing,
  trailers: Trailers,
): AsyncGenerator<Buffer> {
  const reader = new FrameReader(source);
  try {
    const last = yield* decodeChunks(reader, framing);
    const rest = await reader.rest();
    if (framing.trailer) readTrailers(rest, framing.signing, last, trailers);
    else if (rest.trim() !== '') throw malformed();
  } finally {
    await reader.release();
  }
}

/** Returns the signature of the last chunk, which the trailer's builds on. */
async function* decodeChunks(reader: FrameReader, framing: Framing): AsyncGenerator<Buffer, string> {
  let previous = framing.signing?.seed ?? '';
  for (;;) {
    const { size, signed } = readChunkHead(await reader.line());
    const hash = createHash('sha256');
    for await (const piece of reader.take(size)) {
      if (framing.signing) hash.update(piece);
      yield piece;
    }
    if (framing.signing) previous = checkChunk(framing.signing, previous, hash.digest('hex'), signed);
    if (size === 0) return previous;
    if ((await reader.line()) !== '') throw malformed();
  }
}

function readChunkHead(line: string): { size: number; signed: string | undefined } {
  const match = /^([0-9a-f]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line);
  if (!match) throw malformed();
  return { size: Number.parseInt(match[1]!, 16), signed: match[2] };
}

function checkChunk(signing: ChunkSigning, previous: string, sha256: string, signed: string | undefined): string {
  const words = ['AWS4-HMAC-SHA256-PAYLOAD', signing.date, signing.scope, previous, EMPTY_SHA256, sha256];
  const expected = createHmac('sha256', signing.key).update(words.join('\n')).digest('hex');
  if (!sameText(expected, signed ?? '')) throw new S3Error('SignatureDoesNotMatch');
  return expected;
}

/** Lines of `name:value`. Some signers write a line feed and an empty line between the checksum and its signature. */
function readTrailers(text: string, signing: ChunkSigning | undefined, previous: string, trailers: Trailers): void {
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (colon < 1) throw malformed();
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  if (signing) checkTrailer(signing, previous, trailers);
}

function checkTrailer(signing: ChunkSigning, previous: string, trailers: Trailers): void {
  const signed = trailers.get('x-amz-trailer-signature') ?? '';
  const lines = [...trailers].filter(([name]) => name !== 'x-amz-trailer-signature');
  const sha256 = createHash('sha256').update(lines.map(([name, value]) => `${name}:${value}\n`).join(''));
  const words = ['AWS4-HMAC-SHA256-TRAILER', signing.date, signing.scope, previous, sha256.digest('hex')];
  const expected = createHmac('sha256', signing.key).update(words.join('\n')).digest('hex');
  if (!sameText(expected, signed)) throw new S3Error('SignatureDoesNotMatch');
}

/** Lines and counted bytes out of pieces of any size. */
class FrameReader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    let end = this.#held.indexOf('\r\n');
    while (end < 0) {
      if (this.#held.length > LONGEST_LINE) throw malformed();
      if (!(await this.#more())) throw new S3Error('IncompleteBody');
      end = this.#held.indexOf('\r\n');
    }
    const line = this.#held.toString('latin1', 0, end);
    this.#held = this.#held.subarray(end + 2);
    return line;
  }

  async *take(size: number): AsyncGenerator<Buffer> {
    let left = size;
    while (left > 0) {
      if (this.#held.length === 0 && !(await this.#more())) throw new S3Error('IncompleteBody');
      const piece = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  async rest(): Promise<string> {
    while (await this.#more()) if (this.#held.length > LONGEST_TRAILER) throw malformed();
    return this.#held.toString('latin1');
  }

  /** Lets go of the source, however far it was read. */
  async release(): Promise<void> {
    await this.#source.return?.();
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done) return false;
    this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    return true;
  }
}

function malformed(): S3Error {
  return new S3Error('InvalidRequest', { message: 'The aws-chunked framing of the body is malformed' });
}
