import { writeFile } from 'node:fs/promises';
import { replaceWhole } from '../../src/lib/durable.ts';

// A process that replaces one file again and again until it is killed. Arguments: path, size, `whole` or, for the control,
// `in-place`. It prints `half` when half of a content is written, and each content is one letter, so that a torn one shows.
const [path = '', size = '0', how = 'whole'] = process.argv.slice(2);
const half = Math.floor(Number(size) / 2);
const say = () => new Promise<void>((resolve) => void process.stdout.write('half\n', () => resolve()));

for (let round = 0; ; round++) {
  const content = Buffer.alloc(Number(size), 'abcdefghijklmnopqrstuvwxyz'[round % 26]);
  if (how === 'in-place') {
    await writeFile(path, content.subarray(0, half));
    await say();
    await writeFile(path, content.subarray(half), { flag: 'a' });
    continue;
  }
  await replaceWhole(path, { mode: 0o640 }, async (file) => {
    await file.writeFile(content.subarray(0, half));
    await say();
    await file.writeFile(content.subarray(half));
  });
}
