// `npm run soak NAME ...`: what takes too long for the suite. Each name is a file beside this one.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(here)
  .filter((name) => name.endsWith('.mjs') && !['run.mjs', 'bundled.mjs'].includes(name))
  .map((name) => name.replace(/\.mjs$/, ''));
const [name, ...words] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run soak NAME [...]; NAME is one of: ${names.join(' ')}`);
  process.exit(64);
}
const child = spawn(process.execPath, [`${here}${name}.mjs`, ...words], { stdio: 'inherit' });
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
