import { suggest } from '../lib/suggest.ts';
import type { Problem } from './report.ts';
import type { FileSpec, Owner } from './spec.ts';

export interface FileLine extends Pick<FileSpec, 'kind' | 'mode' | 'owner' | 'target'> {
  readonly problems: readonly Problem[];
}

const KINDS = ['template', 'directory', 'absent'] as const;
const SETTINGS = ['mode', 'owner', 'link'] as const;
const WORDS = 'write `template`, `directory`, `absent`, `link=TARGET`, `mode=0640` or `owner=USER:GROUP`';
const USER = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;

interface Word {
  readonly text: string;
  readonly index: number;
}

/** The value of one line of `[files]`: words with blanks between. */
export function readFileLine(text: string): FileLine {
  const reader = new FileLineReader();
  for (const match of text.matchAll(/\S+/g)) reader.take({ text: match[0], index: match.index });
  return reader.finish();
}

function readOwner(text: string): Owner | undefined {
  const [user = '', group = user, ...rest] = text.split(':');
  return rest.length === 0 && USER.test(user) && USER.test(group) ? { user, group } : undefined;
}

export function isUserName(text: string): boolean {
  return USER.test(text);
}

class FileLineReader {
  #kind: FileSpec['kind'] | undefined;
  #mode: number | undefined;
  #owner: Owner | undefined;
  #target: string | undefined;
  readonly #seen = new Map<string, number>();
  readonly #problems: Problem[] = [];

  take({ text, index }: Word): void {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    if (this.#seen.has(name)) this.#refuse(index, 'the same word stands here twice', 'write it once');
    else if (equals < 0) this.#word(name, index);
    else this.#setting(name, text.slice(equals + 1), index);
    this.#seen.set(name, index);
  }

  finish(): FileLine {
    const kind = this.#kind ?? 'file';
    this.#checkMode(kind);
    if (kind === 'absent' || kind === 'link') this.#refuseSettings(kind);
    return { kind, mode: this.#mode, owner: this.#owner, target: this.#target, problems: this.#problems };
  }

  #word(name: string, index: number): void {
    const kind = KINDS.find((known) => known === name);
    if (kind) this.#setKind(kind, index);
    else if (SETTINGS.some((known) => known === name))
      this.#refuse(index, `\`${name}\` has no value`, `write \`${name}=\` and the value, without blanks between`);
    else this.#unknown(name, index);
  }

  #setting(name: string, value: string, index: number): void {
    const valueIndex = index + name.length + 1;
    if (name === 'mode') this.#readMode(value, valueIndex);
    else if (name === 'owner') this.#readOwner(value, valueIndex);
    else if (name === 'link') this.#readLink(value, index, valueIndex);
    else this.#unknown(name, index);
  }

  #setKind(kind: FileSpec['kind'], index: number): void {
    if (this.#kind !== undefined) {
      const what = `a path cannot be both \`${this.#kind}\` and \`${kind}\``;
      this.#refuse(index, what, 'keep one of the two words');
    }
    this.#kind = kind;
  }

  #readMode(value: string, index: number): void {
    if (/^[0-7]{3,4}$/.test(value)) this.#mode = Number.parseInt(value, 8);
    else this.#refuse(index, 'the mode is not three or four octal digits', 'write it as `mode=0640`');
  }

  #readOwner(value: string, index: number): void {
    this.#owner = readOwner(value);
    if (!this.#owner)
      this.#refuse(
        index,
        'the owner is not a user name, or user and group',
        'write `owner=USER` or `owner=USER:GROUP`',
      );
  }

  #readLink(value: string, index: number, valueIndex: number): void {
    this.#setKind('link', index);
    this.#target = value;
    if (value === '' || value.startsWith('~'))
      this.#refuse(
        valueIndex,
        'the link has no target that a machine can follow',
        'write `link=/PATH` or `link=../PATH`',
      );
  }

  /** Special bits in a bucket would make every writer of the bucket root on every host. */
  #checkMode(kind: FileSpec['kind']): void {
    const special = (this.#mode ?? 0) & 0o7000;
    const index = this.#seen.get('mode') ?? 0;
    if (special & 0o6000)
      this.#refuse(index, 'the mode sets the setuid or setgid bit', 'write a mode of three digits, such as 755');
    else if (special && kind !== 'directory')
      this.#refuse(index, 'the sticky bit is only for a directory', 'write a mode of three digits, such as 755');
  }

  #refuseSettings(kind: 'absent' | 'link'): void {
    for (const name of ['mode', 'owner']) {
      const index = this.#seen.get(name);
      const what = `\`${kind}\` has no ${name}`;
      if (index !== undefined) this.#refuse(index, what, `write \`${kind}\` without \`${name}=\``);
    }
  }

  #unknown(name: string, index: number): void {
    const near = suggest(name, [...KINDS, ...SETTINGS]);
    const meant = near ? `did you mean \`${near}\`? Else ${WORDS}` : WORDS;
    this.#refuse(index, 'this word is unknown for a file', meant);
  }

  #refuse(index: number, what: string, instead: string): void {
    this.#problems.push({ what, instead, index });
  }
}
