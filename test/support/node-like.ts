const MACHINES = { x64: 0x3e, arm64: 0xb7 };

/** The outside of a Node: the header of a Linux program, the version in its bytes, the size. What it is not: able to run. */
export function nodeLike(arch: keyof typeof MACHINES, version: string, size = 33 * 1024 * 1024): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(MACHINES[arch], 18);
  bytes.write(`https://nodejs.org/download/release/v${version}/node-v${version}.tar.gz`, 4_096);
  return bytes;
}
