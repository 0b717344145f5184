import { Findings, type FindingsOf } from './findings.ts';

const HEAD = 512;
const ELF = [0x7f, 0x45, 0x4c, 0x46];

/**
 * Reads a hook's first bytes as the kernel would, for the five ways in which it says no with "No such file" or "Exec format
 * error" and nothing more. `mode` is not known where the store keeps none.
 */
export function lintHook(path: string, bytes: Uint8Array, mode?: number): FindingsOf {
  const findings = new Findings();
  if (bytes.length === 0)
    findings.mistake(path, 'the hook is empty', 'write a program that begins with `#!`, or remove it');
  else if (!startsWith(bytes, ELF)) lintScript(path, bytes.subarray(0, HEAD), findings);
  if (mode !== undefined && (mode & 0o111) === 0)
    findings.warn(path, 'the hook is not executable', 'run `chmod +x` on it; haulout sets it on the host');
  return findings;
}

/**
 * | begins with        | the kernel says        | verdict |
 * | ------------------ | ---------------------- | ------- |
 * | BOM and `#!`       | exec format error      | refused |
 * | no `#!`            | exec format error      | refused |
 * | `#!` and no path   | permission denied      | refused |
 * | `#!bin/sh`         | depends on where it is | refused |
 * | `#!/bin/sh` and CR | no such file           | refused |
 */
function lintScript(path: string, head: Uint8Array, findings: Findings): void {
  const text = new TextDecoder('latin1').decode(head);
  const firstLine = text.split('\n', 1)[0]!;
  const bom = text.startsWith('\u00ef\u00bb\u00bf');
  const interpreter = /^#![ \t]*([^\s]*)/.exec(firstLine)?.[1];
  if (bom) findings.mistake(path, 'the hook begins with a byte order mark', 'save it as UTF-8 without one');
  else if (interpreter === undefined)
    findings.mistake(
      path,
      'the hook does not begin with `#!`',
      'write `#!/bin/sh`, or another interpreter, as its first line',
    );
  else if (!interpreter.startsWith('/'))
    findings.mistake(
      path,
      'the first line names no interpreter by its full path',
      'write `#!/bin/sh` or `#!/usr/bin/env NAME`',
    );
  if (firstLine.endsWith('\r'))
    findings.mistake(
      path,
      'the first line ends with CR LF: the kernel looks for an interpreter with a CR in its name',
      CRLF,
    );
  else if (text.includes('\r\n')) findings.mistake(path, 'the lines of the hook end with CR LF', CRLF);
}
const CRLF = 'save it with LF line ends (`sed -i "s/\\r$//" FILE`)';

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}
