import { parse as parseIni } from 'ini';
import { characters, type Report } from './report.ts';
import { type Line, scanLine } from './scan-line.ts';
import type { Place } from './spec.ts';

/** `haulout.ini` as written: every section, key and value with its place. */
export interface Written {
  readonly sections: readonly Section[];
}

export interface Section {
  /** `service.web` */
  readonly name: string;
  readonly at: Place;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly key: string;
  /** undefined: the value was refused and that is reported. */
  readonly value: string | undefined;
  readonly at: Place;
  readonly valueAt: Place;
}

interface OpenSection extends Section {
  readonly entries: OpenEntry[];
  readonly byKey: Map<string, OpenEntry>;
}
interface OpenEntry extends Entry {
  value: string | undefined;
}

const MOST_ENTRIES = 20_000;
const MOST_SECTIONS = 1_000;

/**
 * Stands before ini.parse, which never reports an error and has no line numbers: finds every section and key, refuses what
 * ini.parse would silently misread, and lets it see only the lines that mean the same to both.
 */
export function scan(text: string, report: Report): Written {
  const scanner = new Scanner(report);
  for (const line of text.split(/\r?\n/)) if (!scanner.take(line)) break;
  return { sections: scanner.finish() };
}

class Scanner {
  readonly #report: Report;
  readonly #sections = new Map<string, OpenSection>();
  readonly #accepted: string[] = [];
  #current: OpenSection | undefined;
  /** Before any header; a header that could not be read ends this too. */
  #atTop = true;
  #line = 0;
  #entries = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  /** false: there is too much in this file to go on. */
  take(raw: string): boolean {
    this.#line++;
    const line = scanLine(raw);
    if (line.trap) this.#report.mistake(this.#place(raw, line.trap.index), line.trap.what, line.trap.instead);
    if (line.kind === 'header') this.#header(line, raw);
    if (line.kind === 'entry') this.#entry(line, raw);
    if (this.#entries <= MOST_ENTRIES && this.#sections.size <= MOST_SECTIONS) return true;
    const what = `there are more than ${MOST_SECTIONS} sections or ${MOST_ENTRIES} keys`;
    this.#report.mistake(this.#place(raw, 0), what, 'split the role into several');
    return false;
  }

  finish(): readonly Section[] {
    this.#refuseShadowedKeys();
    fillValues([...this.#sections.values()], parseIni(this.#accepted.join('\n')));
    return [...this.#sections.values()];
  }

  #header(line: Line & { kind: 'header' }, raw: string): void {
    this.#atTop = false;
    if (line.name === undefined) {
      this.#current = undefined;
      return;
    }
    const at = this.#place(raw, line.index);
    const first = this.#sections.get(line.name);
    if (first) {
      const what = `the section [${line.name}] is written twice; the first is in line ${first.at.line}`;
      this.#report.mistake(at, what, 'write all its keys under one header');
    }
    this.#current = first ?? { name: line.name, at, entries: [], byKey: new Map() };
    this.#sections.set(line.name, this.#current);
    this.#accepted.push(`[${line.name}]`);
  }

  #entry(line: Line & { kind: 'entry' }, raw: string): void {
    this.#entries++;
    const at = this.#place(raw, line.index);
    if (this.#atTop) this.#report.mistake(at, 'a key stands before the first section', 'write `[haulout]` above it');
    const section = this.#current;
    if (!section) return;
    const first = section.byKey.get(line.key);
    if (first) {
      const what = `the key is written twice; the first is in line ${first.at.line}`;
      this.#report.mistake(at, what, 'keep one of the two lines');
      return;
    }
    const value = line.trap ? undefined : '';
    const entry: OpenEntry = { key: line.key, value, at, valueAt: this.#place(raw, line.valueIndex) };
    section.byKey.set(line.key, entry);
    section.entries.push(entry);
    if (!line.trap) this.#accepted.push(raw.slice(0, line.end));
  }

  /** `b = 1` in `[a]` and a section `[a.b]`: ini.parse would overwrite the key with the section. */
  #refuseShadowedKeys(): void {
    for (const name of this.#sections.keys()) {
      for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
        const parent = this.#sections.get(name.slice(0, dot));
        const key = name.slice(dot + 1).split('.', 1)[0]!;
        const entry = parent?.byKey.get(key);
        if (!parent || !entry) continue;
        this.#report.mistake(entry.at, `\`${key}\` is the name of a section too`, 'rename the key or the section');
        parent.byKey.delete(key);
        parent.entries.splice(parent.entries.indexOf(entry), 1);
      }
    }
  }

  #place(raw: string, index: number): Place {
    return this.#report.place(this.#line, characters(raw.slice(0, index)) + 1);
  }
}

function fillValues(sections: readonly OpenSection[], parsed: unknown): void {
  for (const section of sections) {
    let inside: unknown = parsed;
    for (const part of section.name.split('.')) inside = ownValue(inside, part);
    for (const entry of section.entries) {
      if (entry.value !== undefined) entry.value = String(ownValue(inside, entry.key) ?? '');
    }
  }
}

/** ini.parse makes true, false and null of these words; here every value is text, as written. */
function ownValue(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null || !Object.hasOwn(object, name)) return undefined;
  const value: unknown = Reflect.get(object, name);
  return value === null ? 'null' : value;
}
