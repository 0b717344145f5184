import { crc32 as zlibCrc32 } from 'node:zlib';

/**
 * The cyclic redundancy checks of S3, reflected. CRC-32 is Node's own (since 20.15); CRC-32C and CRC-64/NVME are one table
 * lookup a byte. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
export interface Crc {
  update(data: Uint8Array): void;
  /** Big-endian, as S3 writes it. */
  digest(): Buffer;
}

export function crc32(): Crc {
  let crc = 0;
  return {
    update(data) {
      crc = zlibCrc32(data, crc);
    },
    digest: () => bytes32(crc),
  };
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

export function crc32c(): Crc {
  let crc = 0xffffffff;
  return {
    update(data) {
      let value = crc;
      for (let i = 0; i < data.length; i++) value = (value >>> 8) ^ CRC32C_TABLE[(value ^ data[i]!) & 0xff]!;
      crc = value;
    },
    digest: () => bytes32(~crc >>> 0),
  };
}

function bytes32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** CRC-64/NVME in two halves of 32 bits: BigInt per byte would be a hundred times slower. */
const CRC64_HIGH = new Uint32Array(256);
const CRC64_LOW = new Uint32Array(256);
const CRC64_POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
for (let index = 0; index < 256; index++) {
  let value = BigInt(index);
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ CRC64_POLYNOMIAL : value >> 1n;
  CRC64_HIGH[index] = Number(value >> 32n);
  CRC64_LOW[index] = Number(value & 0xffffffffn);
}

export function crc64nvme(): Crc {
  let high = 0xffffffff;
  let low = 0xffffffff;
  return {
    update(data) {
      for (let i = 0; i < data.length; i++) {
        const index = (low ^ data[i]!) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ CRC64_LOW[index]!;
        high = (high >>> 8) ^ CRC64_HIGH[index]!;
      }
    },
    digest() {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(~high >>> 0, 0);
      bytes.writeUInt32BE(~low >>> 0, 4);
      return bytes;
    },
  };
}
