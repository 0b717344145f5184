import { paint } from '../talk.ts';

const EVERY_MS = 200;
const CLEAR = '\r\x1b[K';

/** A last line that changes in place, below the lines that stay. Off a terminal, or without colours, there is none. */
export class LiveLine {
  readonly #able = paint.isColorSupported;
  #text: (() => string) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #drawn = false;

  show(text: () => string): void {
    if (!this.#able) return;
    this.#text = text;
    this.#timer ??= setInterval(() => this.#draw(), EVERY_MS);
  }

  /** A line that stays. */
  write(line: string): void {
    process.stderr.write(`${this.#drawn ? CLEAR : ''}${line}\n`);
    this.#drawn = false;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#drawn) process.stderr.write(CLEAR);
    this.#drawn = false;
  }

  #draw(): void {
    const width = (process.stderr.columns || 80) - 1; // 0: a terminal that does not say
    process.stderr.write(CLEAR + paint.dim((this.#text?.() ?? '').slice(0, width)));
    this.#drawn = true;
  }
}
