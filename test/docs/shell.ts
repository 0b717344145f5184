/** The commands of some lines of shell, as words: enough to look at an example, not to run it. */
export function commandsOf(text: string): string[][] {
  const commands: string[][] = [];
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    let command: string[] = [];
    const end = () => {
      const words = command.filter((word) => word !== '');
      if (words.length > 0) commands.push(words);
      command = [];
    };
    for (const token of tokensOf(line)) {
      if (/^(&&|\|\||[|;&])$/.test(token)) end();
      else command.push(token);
    }
    end();
  }
  return commands.map((words) => withoutRedirections(words));
}

function tokensOf(line: string): string[] {
  const tokens: string[] = [];
  const pattern = /\s+|#.*$|(&&|\|\||[|;&])|((?:'[^']*'|"[^"]*"|\\.|[^\s'"|;&])+)/gy;
  let blank = true;
  for (let match = pattern.exec(line); match; match = pattern.exec(line)) {
    const [all, operator, word] = match;
    if (word?.startsWith('#') && blank) break;
    if (operator ?? word) tokens.push(operator ?? unquoted(word ?? ''));
    blank = /^\s/.test(all);
  }
  return tokens;
}

function unquoted(word: string): string {
  return word.replace(/'([^']*)'|"([^"]*)"|\\(.)/g, (_, single, double, escaped) => single ?? double ?? escaped ?? '');
}

function withoutRedirections(words: readonly string[]): string[] {
  return words.filter((word, index) => !/^[<>]/.test(word) && !/^(>>?|<)$/.test(words[index - 1] ?? ''));
}

/** `try`: its flags, and whether each takes a value. Made from `haulout try --help`. */
export type Flags = ReadonlyMap<string, boolean>;

export function flagsOf(help: string): Flags {
  const found = new Map<string, boolean>([['--help', false]]);
  for (const [, flag, value] of help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)( <| \[)?/gm)) {
    found.set(flag ?? '', value !== undefined);
  }
  return found;
}

export function unknownFlags(words: readonly string[], flags: Flags): string[] {
  const given = words.filter((word) => word.startsWith('-') && word !== '--' && word !== '-');
  return given.map((word) => word.split('=')[0] ?? '').filter((flag) => !flags.has(flag));
}
