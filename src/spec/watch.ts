import { isOwnPlace, shapeProblem } from './paths.ts';
import type { Problem } from './report.ts';

/** To apt, `nginx-` is an order to remove nginx. */
export const PACKAGE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9+._:-]{0,126}[A-Za-z0-9+._])?$/;
const MOST = 32;
const LONGEST = 256;
/** A pattern with many stars takes exponential time to match. */
const MOST_STARS = 8;

export interface Watch {
  readonly items: readonly string[];
  readonly problems: readonly Problem[];
}

/** `/etc/nginx/**, package:nginx` */
export function readWatch(text: string): Watch {
  const items: string[] = [];
  const problems: Problem[] = [];
  let index = 0;
  for (const part of text.split(',')) {
    const item = part.trim();
    const problem = items.length < MOST ? itemProblem(item) : TOO_MANY;
    if (problem) problems.push({ ...problem, index: index + part.length - part.trimStart().length });
    items.push(item);
    index += part.length + 1;
    if (problem === TOO_MANY) break;
  }
  return { items, problems };
}
const TOO_MANY: Problem = { what: `more than ${MOST} things are watched`, instead: 'watch their directory with `/**`' };

function itemProblem(item: string): Problem | undefined {
  if (item === '') return { what: 'nothing stands between two commas', instead: 'write a path or `package:NAME`' };
  if (item.startsWith('package:')) return packageProblem(item.slice('package:'.length));
  if (!item.startsWith('/'))
    return {
      what: 'this is neither an absolute path nor `package:NAME`',
      instead: 'write `/etc/nginx/**` or `package:nginx`',
    };
  return globProblem(item);
}

function packageProblem(name: string): Problem | undefined {
  if (PACKAGE_NAME.test(name)) return undefined;
  return { what: 'this is not the name of a package', instead: 'write `package:NAME`, as in [packages]' };
}

function globProblem(glob: string): Problem | undefined {
  if (/[{}()!\\[\]]/.test(glob))
    return { what: 'a watched path knows only `*`, `**` and `?`', instead: 'write several paths with commas between' };
  if (glob.length > LONGEST || glob.split('*').length - 1 > MOST_STARS)
    return { what: 'the watched path is too long or has too many stars', instead: 'write a simpler one' };
  if (/^\/[^/]*[*?]/.test(glob) || glob === '/')
    return { what: 'this watches the whole machine', instead: 'begin with a directory, as in `/etc/nginx/**`' };
  if (isOwnPlace(glob))
    return { what: 'this cannot be watched', instead: 'watch files that stay, as in `/etc/nginx/**`' };
  return shapeProblem(glob);
}
