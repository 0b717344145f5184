import type { Facts, FileFact } from './facts.ts';
import type { Step } from './step.ts';
import type { WantedFile } from './wanted-files.ts';

/**
 * wanted     | found             | step
 * -----------|-------------------|--------------------------------------------------
 * file       | same bytes, mode  | none
 * file       | absent, other     | write-file
 * file       | directory, device | write-file, which refuses: nothing of somebody's is deleted to make room
 * directory  | directory         | none, or make-directory for mode and owner
 * link       | other target      | link
 * absent     | file, link        | remove-file
 * absent     | directory         | none: a directory may hold what is not ours
 */
export function fileStep(wanted: WantedFile, facts: Facts, heldFor: readonly string[]): Step | undefined {
  const subject = `file:${wanted.path}`;
  const found = facts.files[wanted.path] ?? { kind: 'absent' };
  switch (wanted.kind) {
    case 'file': {
      if (!wanted.content) return undefined;
      const why = fileDifference(wanted, wanted.content.sha256, found, facts);
      const { path, mode, owner } = wanted;
      return why === undefined
        ? undefined
        : { subject, why, do: 'write-file', path, mode, owner, heldFor, ...wanted.content };
    }
    case 'directory': {
      const why = directoryDifference(wanted, found, facts);
      const { path, mode, owner } = wanted;
      return why === undefined ? undefined : { subject, why, do: 'make-directory', path, mode, owner };
    }
    case 'link': {
      if (found.kind === 'link' && found.target === wanted.target) return undefined;
      const why = found.kind === 'absent' ? 'the link is not there' : 'something else is there';
      return { subject, why, do: 'link', path: wanted.path, target: wanted.target, heldFor };
    }
    case 'absent':
      if (found.kind !== 'file' && found.kind !== 'link') return undefined;
      return {
        subject,
        why: 'it is there, and the spec wants it absent',
        do: 'remove-file',
        path: wanted.path,
        heldFor,
      };
  }
}

const WORDS: Record<FileFact['kind'], string> = {
  absent: 'nothing',
  file: 'a file',
  directory: 'a directory',
  link: 'a link',
  other: 'a device, socket or pipe',
};

function fileDifference(
  wanted: Extract<WantedFile, { kind: 'file' }>,
  sha256: string,
  found: FileFact,
  facts: Facts,
): string | undefined {
  if (found.kind === 'absent') return 'it is not there';
  if (found.kind !== 'file') return `${WORDS[found.kind]} is in its place`;
  if (found.sha256 !== sha256) return 'its content differs from the bucket';
  return attributeDifference(wanted, found, facts);
}

function directoryDifference(
  wanted: Extract<WantedFile, { kind: 'directory' }>,
  found: FileFact,
  facts: Facts,
): string | undefined {
  if (found.kind === 'absent') return 'it is not there';
  if (found.kind !== 'directory') return `${WORDS[found.kind]} is in its place`;
  return attributeDifference(wanted, found, facts);
}

function attributeDifference(
  wanted: Extract<WantedFile, { kind: 'file' | 'directory' }>,
  found: Extract<FileFact, { kind: 'file' | 'directory' }>,
  facts: Facts,
): string | undefined {
  if (found.mode !== wanted.mode) return `its mode is ${octal(found.mode)}, not ${octal(wanted.mode)}`;
  const { user, group } = wanted.owner;
  const same = facts.users[user] === found.uid && facts.groups[group] === found.gid;
  return same ? undefined : `its owner is not ${user}:${group}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
