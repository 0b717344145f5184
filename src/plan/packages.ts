import type { PackageSpec } from '../spec/spec.ts';
import type { PackageFact } from './facts.ts';
import type { Step } from './step.ts';

/**
 * wanted    | installed          | step
 * ----------|--------------------|-----------------
 * present   | any version        | none
 * present   | no                 | install-package
 * latest    | the candidate      | none
 * latest    | another, or no     | install-package
 * a pattern | a match            | none
 * a pattern | no match, or no    | install-package
 * absent    | any version        | remove-package
 */
export function packageStep(wanted: PackageSpec, fact: PackageFact): Step | undefined {
  const subject = `package:${wanted.name}`;
  const { name, want } = wanted;
  if (want === 'absent') {
    if (fact.installed === undefined) return undefined;
    return { subject, why: `${fact.installed} is installed, and the spec wants it absent`, do: 'remove-package', name };
  }
  const version = typeof want === 'object' ? want.version : undefined;
  const install = (why: string): Step => ({
    subject,
    why,
    do: 'install-package',
    name,
    version,
    latest: want === 'latest',
  });
  if (fact.installed === undefined) return install('it is not installed');
  const versions = [fact.installed, ...(fact.others ?? [])];
  if (version !== undefined && !versions.some((one) => versionMatches(version, one))) {
    return install(`${fact.installed} is installed, and the spec wants ${version}`);
  }
  if (want === 'latest' && fact.candidate !== undefined && fact.candidate !== fact.installed) {
    return install(`${fact.installed} is installed, and ${fact.candidate} can be had`);
  }
  return undefined;
}

/**
 * `8.2.*` against `8.2.29-1~deb12u1`: `*` matches anything; the epoch (`2:`) is ignored where the pattern has none. Part by
 * part and not as a regular expression, which takes minutes for a pattern of many stars.
 */
export function versionMatches(pattern: string, version: string): boolean {
  const bare = pattern.includes(':') ? version : version.replace(/^\d+:/, '');
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return bare === first;
  if (!bare.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = bare.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return bare.length - last.length >= at && bare.endsWith(last);
}
