import { randomFillSync } from 'node:crypto';

export const BUCKET = 'bench';
export const REGION = 'us-east-1';
/** Of a store that lives as long as one run and listens to this machine alone. */
export const KEY = { accessKeyId: 'AKIABENCHBENCHBENCH0', secretAccessKey: 'bench/secret/of/a/throw/away/store' };
export const SPEC = '[haulout]\nversion = 1\n';

/** One prefix of the bucket. */
export interface Filling {
  readonly prefix: string;
  readonly names: readonly string[];
  /** Bytes of each object. */
  readonly size: number;
}

const COUNT = Number(process.env['BENCH_OBJECTS'] ?? 10_000);
const LARGE = Number(process.env['BENCH_LARGE'] ?? 50);
const number = (index: number) => String(index).padStart(5, '0');

export const MANY: Filling = {
  prefix: 'many',
  names: Array.from({ length: COUNT }, (_, at) => `root/srv/data/${number(at).slice(0, 3)}/file-${number(at)}.bin`),
  size: 4_096,
};
export const FEW: Filling = {
  prefix: 'few',
  names: Array.from({ length: LARGE }, (_, at) => `root/srv/data/large-${number(at)}.bin`),
  size: 16 * 1024 * 1024,
};
export const FILLINGS: readonly Filling[] = [MANY, FEW];

/** Bytes that no client can make smaller. */
export function noise(size: number): Buffer {
  return randomFillSync(Buffer.allocUnsafe(size));
}
