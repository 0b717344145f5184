import { suggest } from '../lib/suggest.ts';
import { Findings, type FindingsOf } from './findings.ts';

const KNOWN = ['haulout.ini', 'root/', 'services/', '.release/'];

/** Nothing else at the top is ever read; a slip such as `Root/` would silently do nothing. */
export function topFindings(paths: readonly string[]): FindingsOf {
  const findings = new Findings();
  for (const name of new Set(paths.map(topOf))) {
    if (KNOWN.includes(name)) continue;
    const near = suggest(name, KNOWN);
    const instead = near ? `did you mean \`${near}\`?` : 'put files under root/ and service images under services/';
    findings.warn(name, 'haulout does not read this', instead);
  }
  return findings;
}

function topOf(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? path : path.slice(0, slash + 1);
}
