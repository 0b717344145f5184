import { createHash } from 'node:crypto';
import { crc32, crc32c, crc64nvme } from './crc.ts';
import { S3Error } from './errors.ts';

/** Base64, with `-N` behind it when it is the checksum of N parts' checksums. */
export interface Checksum {
  readonly algorithm: Algorithm;
  readonly value: string;
  readonly type: ChecksumType;
}
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** The words of S3, each with the hash it stands for. `x-amz-checksum-` and the word in lower case is its header. */
const HASHES = {
  CRC32: crc32,
  CRC32C: crc32c,
  CRC64NVME: crc64nvme,
  SHA1: () => createHash('sha1'),
  SHA256: () => createHash('sha256'),
} as const satisfies Record<string, () => Hash>;

export type Algorithm = keyof typeof HASHES;
const ALGORITHMS = Object.keys(HASHES) as readonly Algorithm[];

export interface Hash {
  update(data: Uint8Array): unknown;
  digest(): Buffer;
}

export function newHash(algorithm: Algorithm): Hash {
  return HASHES[algorithm]();
}

export function algorithmNamed(word: string): Algorithm {
  const found = ALGORITHMS.find((each) => each === word.toUpperCase());
  if (!found) {
    throw new S3Error('InvalidRequest', {
      message: `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${ALGORITHMS.join(', ')}]`,
    });
  }
  return found;
}

export function checksumHeader(algorithm: Algorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** The element that carries it in XML: `ChecksumCRC32`. */
export function checksumField(checksum: Checksum | undefined): Record<string, string> {
  return checksum ? { [`Checksum${checksum.algorithm}`]: checksum.value } : {};
}

export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (!checksum) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** What the client said its body's checksum is: now in a header, or to come in a trailer. */
export interface Expected {
  readonly algorithm: Algorithm;
  /** undefined: it comes in the trailer. */
  readonly value: string | undefined;
}

export function expectedChecksum(header: (name: string) => string | undefined): Expected | undefined {
  const trailer = header('x-amz-trailer')?.trim().toLowerCase();
  const found: Expected[] = [];
  for (const algorithm of ALGORITHMS) {
    const value = header(checksumHeader(algorithm));
    if (value !== undefined) found.push({ algorithm, value });
    if (trailer === checksumHeader(algorithm)) found.push({ algorithm, value: undefined });
  }
  if (found.length > 1) {
    throw new S3Error('InvalidRequest', {
      message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    });
  }
  if (trailer !== undefined && found.length === 0) {
    throw new S3Error('InvalidRequest', {
      message: 'The value specified in the x-amz-trailer header is not supported',
    });
  }
  refuseLostChecksum(header('x-amz-sdk-checksum-algorithm'), found[0]);
  if (found[0]?.value !== undefined) checkShape(found[0].algorithm, found[0].value);
  return found[0];
}

function refuseLostChecksum(announced: string | undefined, found: Expected | undefined): void {
  if (announced === undefined) return;
  const algorithm = algorithmNamed(announced);
  if (found && found.algorithm !== algorithm) {
    throw new S3Error('InvalidRequest', { message: 'Value for x-amz-sdk-checksum-algorithm header is invalid.' });
  }
  if (!found) {
    throw new S3Error('InvalidRequest', {
      message:
        'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    });
  }
}

export function checkShape(algorithm: Algorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value || bytes.length !== newHash(algorithm).digest().length) {
    throw new S3Error('InvalidRequest', { message: `Value for ${checksumHeader(algorithm)} header is invalid.` });
  }
}

export function mismatch(algorithm: Algorithm): S3Error {
  return new S3Error('BadDigest', { message: `The ${algorithm} you specified did not match the calculated checksum.` });
}

/** The checksum of the parts' checksums: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
export function compositeChecksum(algorithm: Algorithm, parts: readonly string[]): Checksum {
  const hash = newHash(algorithm);
  for (const part of parts) hash.update(Buffer.from(part, 'base64'));
  return { algorithm, value: `${hash.digest().toString('base64')}-${parts.length}`, type: 'COMPOSITE' };
}
