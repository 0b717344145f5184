import { visible } from '../lib/log.ts';

/** What an image may cost before it is refused. Counted while it streams, never taken from what a header says. */
export interface Limits {
  /** Files and directories, those that are only implied by a path included. */
  readonly entries: number;
  readonly bytes: number;
  /** Unpacked bytes per packed byte; below `graceBytes` nobody asks. */
  readonly ratio: number;
  readonly graceBytes: number;
  /** Long names, pax headers, a zip's central directory. */
  readonly metadataBytes: number;
}

export const LIMITS: Limits = {
  entries: 100_000,
  bytes: 2 * 1024 ** 3,
  ratio: 200,
  graceBytes: 1024 ** 2,
  metadataBytes: 64 * 1024 ** 2,
};

/** The whole image is refused. Becomes a HauloutError where the service's id is known. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly hint: string;

  constructor(reason: string, hint = 'repack the image with regular files and directories only') {
    super(reason);
    this.hint = hint;
  }
}

/** An entry's name for a person: short, in quotes, every control character visible. */
export function show(name: string): string {
  const escaped = visible(name).replace(/[\t\n]/g, (c) => (c === '\t' ? '\\x09' : '\\x0a'));
  return `"${escaped.length > 120 ? `${escaped.slice(0, 117)}...` : escaped}"`;
}

/** Bytes that may still be unpacked. */
export class Budget {
  readonly #allowed: number;
  #spent = 0;

  constructor(allowed: number) {
    this.#allowed = allowed;
  }

  spend(bytes: number): void {
    this.#spent += bytes;
    if (this.#spent > this.#allowed) throw tooLarge(this.#allowed);
  }
}

export function archiveBudget(packedBytes: number, limits: Limits): Budget {
  return new Budget(Math.min(limits.bytes, Math.max(limits.graceBytes, packedBytes * limits.ratio)));
}

function tooLarge(allowed: number): Refusal {
  return new Refusal(
    `unpacks to more than ${allowed} bytes`,
    'make the image smaller, or ship large data apart from it',
  );
}

type Kind = 'file' | 'directory';

interface Claim {
  readonly path: string;
  readonly kind: Kind;
  explicit: boolean;
}

const DEEPEST = 32;
const LONGEST_PART = 255;
const LONGEST_PATH = 4_000;

/**
 * The names an image may use, each at most once. Two names that some file system or some person would take for the
 * same (case, composed and decomposed accents) count as one, so an image means the same wherever it is unpacked.
 */
export class NameBook {
  readonly #claims = new Map<string, Claim>();
  readonly #limit: number;

  constructor(entries: number) {
    this.#limit = entries;
  }

  /** Takes an entry's name; returns the relative path to make, or undefined for the image's own directory (`./`). */
  claim(name: string, kind: Kind): string | undefined {
    const parts = partsOf(name, kind);
    if (parts.length === 0) return undefined;
    for (let depth = 1; depth < parts.length; depth++) {
      this.#take(parts.slice(0, depth).join('/'), 'directory', false, name);
    }
    const path = parts.join('/');
    this.#take(path, kind, true, name);
    return path;
  }

  #take(path: string, kind: Kind, explicit: boolean, name: string): void {
    const key = folded(path);
    const there = this.#claims.get(key);
    if (there === undefined) {
      if (this.#claims.size >= this.#limit) throw new Refusal(`holds more than ${this.#limit} files and directories`);
      this.#claims.set(key, { path, kind, explicit });
      return;
    }
    const same = there.path === path && there.kind === 'directory' && kind === 'directory';
    if (!same || (explicit && there.explicit)) throw new Refusal(`entry ${show(name)} is there twice`);
    there.explicit ||= explicit;
  }
}

function partsOf(name: string, kind: Kind): string[] {
  const fault = faultOf(name);
  if (fault !== undefined) throw new Refusal(`entry ${show(name)} ${fault}`);
  const inside = name.replace(/^(\.\/)+/, '');
  const path = kind === 'directory' ? inside.replace(/\/$/, '') : inside;
  if (kind === 'directory' && (path === '' || path === '.')) return [];
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.'))
    throw new Refusal(`entry ${show(name)} has an empty name in it`);
  if (parts.length > DEEPEST) throw new Refusal(`entry ${show(name)} is more than ${DEEPEST} directories deep`);
  if (parts.some((part) => Buffer.byteLength(part) > LONGEST_PART)) {
    throw new Refusal(`entry ${show(name)} has a name of more than ${LONGEST_PART} bytes`);
  }
  return parts;
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'has no name';
  if (Buffer.byteLength(name) > LONGEST_PATH) return 'is too long';
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return 'has a control character in its name';
  if (name.includes('\ufffd')) return 'has a name that is not UTF-8';
  if (name.includes('\\')) return 'has a backslash in its name';
  if (name.startsWith('/')) return 'is absolute';
  if (name.split('/').includes('..')) return 'leads out of the image';
  return undefined;
}

function folded(path: string): string {
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}
