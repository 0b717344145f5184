/** An element of a page as it stands there; text and attributes decoded. */
export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** What stands in it, further elements left out. */
  text: string;
}

export interface HtmlPage {
  readonly elements: readonly Element[];
  /** All that is shown, style and script left out. */
  readonly text: string;
  all(name: string): readonly Element[];
}

const NAME = /[a-zA-Z][a-zA-Z0-9]*/y;
const ATTRIBUTE = /\s+([a-zA-Z][a-zA-Z0-9:_-]*)(?:="([^"<>]*)")?/y;
/** Their text is taken as it stands, up to the end tag. */
const RAW = ['style', 'script'];

/**
 * Reads the pages that we write as the HTML standard's tokenizer does (https://html.spec.whatwg.org/multipage/parsing.html#tokenization),
 * and throws at all that it would have to guess at: a sign that is not escaped, an attribute without double quotes.
 */
export function parsePage(source: string): HtmlPage {
  const elements: Element[] = [];
  const open: Element[] = [];
  let text = '';
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at}: ${JSON.stringify(source.slice(at, at + 60))}`);
  };
  const say = (raw: string) => {
    if (raw.includes('>')) fail('a bare >');
    const decoded = decode(raw);
    text += decoded;
    const inner = open.at(-1);
    if (inner) inner.text += decoded;
  };
  if (!source.startsWith('<!doctype html>\n')) fail('no doctype');
  at = '<!doctype html>\n'.length;
  while (at < source.length) {
    const next = source.indexOf('<', at);
    const end = next < 0 ? source.length : next;
    say(source.slice(at, end));
    at = end;
    if (next < 0) break;
    if (source[at + 1] === '/') {
      const close = source.indexOf('>', at);
      const name = source.slice(at + 2, close);
      while (open.length > 0 && open.pop()!.name !== name);
      at = close + 1;
      continue;
    }
    NAME.lastIndex = at + 1;
    const name = NAME.exec(source)?.[0] ?? fail('no tag');
    const attributes = new Map<string, string>();
    at += 1 + name.length;
    for (;;) {
      ATTRIBUTE.lastIndex = at;
      const found = ATTRIBUTE.exec(source);
      if (!found) break;
      if (attributes.has(found[1]!)) fail('an attribute twice');
      attributes.set(found[1]!, decode(found[2] ?? ''));
      at += found[0].length;
    }
    if (source.startsWith('/>', at)) at += 2;
    else if (source[at] === '>') at += 1;
    else fail(`no end of <${name}`);
    const element: Element = { name, attributes, text: '' };
    elements.push(element);
    if (RAW.includes(name)) {
      const close = source.indexOf(`</${name}`, at);
      element.text = source.slice(at, close);
      at = source.indexOf('>', close) + 1;
    } else open.push(element);
  }
  return { elements, text, all: (name) => elements.filter((element) => element.name === name) };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

function decode(raw: string): string {
  return raw.replace(/&[^;]{0,8};?/g, (entity) => {
    const sign = ENTITIES[entity];
    if (sign === undefined) throw new Error(`a bare &: ${JSON.stringify(entity)}`);
    return sign;
  });
}
