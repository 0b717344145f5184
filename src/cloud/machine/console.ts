import { createWriteStream, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';

const TAIL = 4_000;
const LONGEST_LINE = 16_384;

/**
 * What the instance says on its console: kept in a file, its last part in memory, and handed on line by line. Somewhere in it
 * `mark` comes, with a word to the end of its line: it tells that all output before it has been heard, which no other way can.
 */
export class Console {
  readonly #file: WriteStream;
  readonly #mark: string;
  readonly #onLine: (line: string) => void;
  readonly #onMark: (word: string) => void;
  #partial = '';
  #tail = '';

  constructor(path: string, mark: string, onLine: (line: string) => void, onMark: (word: string) => void) {
    this.#file = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // The file is a copy for people; a full disk must not end the instance.
    this.#file.on('error', () => undefined);
    this.#mark = mark;
    this.#onLine = onLine;
    this.#onMark = onMark;
  }

  /** A character that is torn between two pieces is mended by the stream's decoder. */
  listen(stream: Readable): void {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#hear(text));
    stream.on('end', () => this.#hear(this.#partial === '' ? '' : '\n'));
  }

  /** For what the machinery around the instance says: into the last words, but it is not the instance's console. */
  overhear(stream: Readable): void {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#remember(text));
  }

  /** The last words, for error messages. */
  get tail(): string {
    return (this.#tail + this.#partial).trim();
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(() => resolve()));
  }

  #hear(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop()!.slice(-LONGEST_LINE);
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    const at = line.indexOf(this.#mark);
    if (at !== 0) this.#say(at === -1 ? line : line.slice(0, at));
    if (at !== -1) this.#onMark(line.slice(at + this.#mark.length));
  }

  #say(line: string): void {
    this.#remember(`${line}\n`);
    this.#file.write(`${line}\n`);
    this.#onLine(line.replace(/\r$/, ''));
  }

  #remember(text: string): void {
    this.#tail = (this.#tail + text).slice(-TAIL);
  }
}
