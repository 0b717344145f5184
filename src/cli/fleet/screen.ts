import { visibleName } from '../../lib/log.ts';
import { ink } from '../talk.ts';
import type { FleetView } from './read-fleet.ts';
import { conditionOf } from './row.ts';
import { fleetWords, tableLines } from './table.ts';

// xterm's: another screen and back, the cursor away and back, home, the rest of a line, the rest of the screen.
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

/** A fleet that is drawn anew in place, as much of it as the terminal has room for; what stood there before comes back. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #head: string;
  #view: FleetView | undefined;
  #trouble = '';

  constructor(out: NodeJS.WriteStream, head: string) {
    this.#out = out;
    this.#head = head;
    out.write(ENTER);
    out.on('resize', this.#draw);
  }

  show(view: FleetView): void {
    this.#view = view;
    this.#trouble = '';
    this.#draw();
  }

  /** What was seen last stays, and why there is nothing newer stands above it. */
  fail(words: string): void {
    this.#trouble = words;
    this.#draw();
  }

  close(): void {
    this.#out.off('resize', this.#draw);
    this.#out.write(LEAVE);
  }

  readonly #draw = (): void => {
    const { columns = 80, rows: height = 24 } = this.#out;
    const lines = [...this.#headLines(columns), ...this.#tableLines(columns)];
    const shown =
      lines.length > height ? [...lines.slice(0, height - 1), this.#more(lines.length - height + 1)] : lines;
    this.#out.write(HOME + shown.map((line) => line + REST_OF_LINE).join('\n') + REST_OF_SCREEN);
  };

  #headLines(columns: number): string[] {
    const cut = (line: string) => visibleName(line).slice(0, columns);
    const head = this.#view ? `${this.#head}: ${fleetWords(this.#view)}` : this.#head;
    const at = this.#view ? [`at ${new Date(this.#view.now).toISOString()}; Ctrl-C ends it`] : [];
    const trouble = this.#trouble === '' ? [] : [ink.red(cut(this.#trouble))];
    return [cut(head), ...at.map(cut), ...trouble, ''];
  }

  #tableLines(columns: number): string[] {
    if (!this.#view) return [];
    const { rows, unreadable, now } = this.#view;
    const here = rows.filter((row) => conditionOf(row, now) !== 'ended');
    return tableLines(here, unreadable, { now, wide: false, width: columns });
  }

  #more(count: number): string {
    return ink.dim(`... and ${count.toLocaleString('en-US')} more: a larger terminal, or haulout fleet`);
  }
}
