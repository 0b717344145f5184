// An image without a Node, one for each program it may have to ask with, private bucket and public: which boot (issue 3, show 3).
import { bundled } from './bundled.mjs';

const { ACCESS, NoNodeCloud, WAYS } = await bundled('../support/no-node.ts');
const cloud = await NoNodeCloud.open();
let failures = 0;
try {
  console.log(`| an image with | ${ACCESS.join(' | ')} |\n| --- |${' --- |'.repeat(ACCESS.length)}`);
  for (const way of WAYS) {
    const cells = [];
    for (const access of ACCESS) {
      const { ok, seconds, console: lines } = await cloud.boot(way, access);
      cells.push(`${ok ? 'boots' : 'DOES NOT'}, ${seconds.toFixed(1)} s`);
      if (ok) continue;
      failures++;
      for (const line of lines.slice(-10)) console.error(`  ${line}`);
    }
    console.log(`| ${way.name} | ${cells.join(' | ')} |`);
  }
} finally {
  await cloud.close();
}
process.exitCode = failures === 0 ? 0 : 1;
