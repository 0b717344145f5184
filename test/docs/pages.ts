import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const top = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced example, or an indented one in the README of a bucket. */
export interface Example {
  /** `README.md:12` */
  readonly at: string;
  readonly page: string;
  /** The words after the fence: `ini fragment`. Empty: a fence without any. */
  readonly info: string;
  readonly text: string;
}

export interface Page {
  readonly path: string;
  readonly text: string;
  readonly examples: readonly Example[];
}

/** All that is written for people, by path from the top. */
export function allPages(): Page[] {
  const inFolder = (folder: string) =>
    readdirSync(join(top, folder)).flatMap((name) => (name.endsWith('.md') ? [`${folder}/${name}`] : []));
  const buckets = readdirSync(join(top, 'buckets')).map((name) => `buckets/${name}/README.md`);
  const paths = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...inFolder('docs'),
    ...inFolder('docs/launch'),
    ...inFolder('userdata'),
    ...buckets,
  ];
  return paths.map(readPage);
}

export function readPage(path: string): Page {
  const text = readFileSync(join(top, path), 'utf8');
  return {
    path,
    text,
    examples: [...fences(path, text), ...(path.startsWith('buckets/') ? indented(path, text) : [])],
  };
}

function fences(page: string, text: string): Example[] {
  const found: Example[] = [];
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (!open && fence) open = { info: fence[1] ?? '', line: index + 1, lines: [] };
    else if (open && fence) {
      found.push({ at: `${page}:${open.line}`, page, info: open.info, text: `${open.lines.join('\n')}\n` });
      open = undefined;
    } else open?.lines.push(line);
  }
  if (open) throw new Error(`${page}:${open.line}: this fence is never closed`);
  return found;
}

function indented(page: string, text: string): Example[] {
  const outside = withoutFences(text);
  return outside.split('\n').flatMap((line, index) => {
    const command = /^ {4}(?=\S)(.*)$/.exec(line)?.[1];
    return command === undefined ? [] : [{ at: `${page}:${index + 1}`, page, info: 'sh', text: command }];
  });
}

/** The prose, line by line where it was. */
export function withoutFences(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, (block) => block.replace(/[^\n]/g, ''));
}

/** What stands between the marks; `from` tells several parts of a page apart. */
const partFrom = (from: string) => new RegExp(`(<!-- generated ${from}[^\\n]*-->\\n)([\\s\\S]*?)(<!-- end -->)`);

export function generatedPart(text: string, from = ''): string | undefined {
  return partFrom(from).exec(text)?.[2];
}

export function withGeneratedPart(text: string, part: string, from = ''): string {
  return text.replace(partFrom(from), (_, head: string, __, end: string) => `${head}${part}${end}`);
}

/** The first cells of a table's rows, the words between backquotes in them. */
export function tableRows(text: string, headline: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(headline));
  if (start < 0) throw new Error(`there is no table ${headline}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) => line.split('|').slice(1, -1));
}

export function codeWords(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? '');
}
