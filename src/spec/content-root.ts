import { suggest } from '../lib/suggest.ts';
import { Findings, type FindingsOf } from './findings.ts';
import { isGround, parentsOf, pathProblem } from './paths.ts';
import type { FileSpec, Spec } from './spec.ts';

const ROOT = 'root/';
const LEFT_BEHIND = /(^|\/)(\.DS_Store|Thumbs\.db|__MACOSX|\._[^/]+|[^/]+~|\.[^/]+\.sw[op])(\/|$)/;
const MOST_CANDIDATES = 200;

interface Content {
  /** Where the files of the bucket land. */
  readonly files: ReadonlySet<string>;
  readonly directories: ReadonlySet<string>;
}

export function rootFindings(spec: Spec, paths: readonly string[]): FindingsOf {
  const findings = new Findings();
  const under = paths.filter((path) => path.startsWith(ROOT));
  const files = new Set(under.map(landing));
  const content: Content = { files, directories: new Set([...files].flatMap(parentsOf)) };
  for (const path of under) checkObject(path, content, findings);
  for (const file of spec.files) checkLine(file, content, findings);
  return findings;
}

function landing(path: string): string {
  return path.slice(ROOT.length - 1);
}

function checkObject(path: string, content: Content, findings: Findings): void {
  const target = landing(path);
  const problem = pathProblem(target);
  if (problem) findings.mistake(path, problem.what, 'remove the object, or upload it under another name');
  else if (isGround(target) || content.directories.has(target))
    findings.mistake(path, 'this is a file where a directory must be', 'remove the object');
  else if (LEFT_BEHIND.test(target))
    findings.warn(path, 'an editor or a desktop left this behind', 'remove it, or it lands on every instance');
}

/**
 * | line      | content there           | below           | nothing there           |
 * | --------- | ----------------------- | --------------- | ----------------------- |
 * | template  | fine                    | refused         | refused: no template    |
 * | file      | fine                    | refused         | warned: nothing to hold |
 * | directory | refused: it is a file   | fine            | fine                    |
 * | link      | refused: two contents   | refused         | fine                    |
 * | absent    | refused: the file stays | refused         | fine                    |
 */
function checkLine(file: FileSpec, content: Content, findings: Findings): void {
  const isFile = content.files.has(file.path);
  const isDirectory = content.directories.has(file.path);
  if (file.kind === 'template' || file.kind === 'file') {
    if (isDirectory)
      findings.mistake(file.at, 'in the bucket this path is a directory', 'write `directory`, or its path in full');
    else if (!isFile) missing(file, content, findings);
  } else if (isFile)
    findings.mistake(
      file.at,
      `the path is ${KIND[file.kind]}, and root/ has a file for it`,
      'remove the line or the object',
    );
  else if (isDirectory && file.kind !== 'directory')
    findings.mistake(
      file.at,
      `the path is ${KIND[file.kind]}, and root/ has files below it`,
      'remove the line or the objects',
    );
}
const KIND = { directory: 'a directory', link: 'a link', absent: 'absent' } as const;

function missing(file: FileSpec, content: Content, findings: Findings): void {
  const near = nearest(file.path, content.files);
  const instead = near ? `did you mean \`${near}\`?` : 'upload the file, or correct the path';
  if (file.kind === 'template') findings.mistake(file.at, 'there is no such template under root/', instead);
  else findings.warn(file.at, 'there is no such file under root/', instead);
}

/** Only what shares the directory or the name: a bucket may hold very many files. */
function nearest(path: string, files: ReadonlySet<string>): string | undefined {
  const slash = path.lastIndexOf('/');
  const [directory, name] = [path.slice(0, slash + 1), path.slice(slash)];
  const candidates: string[] = [];
  for (const file of files) {
    if (candidates.length >= MOST_CANDIDATES) break;
    if (file.endsWith(name) || file.startsWith(directory)) candidates.push(file);
  }
  return suggest(path, candidates) ?? candidates.find((file) => file.endsWith(name));
}
