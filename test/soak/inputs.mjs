// Malformed inputs through every reader of what comes from outside: `npm run soak inputs [COUNT] [SEED] [READER ...]`, 100,000 each by
// default. 0 crashes (refusals have the reader's own words), 0 hangs, 0 changed prototypes, 0 files outside, memory bounded.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bundled } from './bundled.mjs';

const self = fileURLToPath(import.meta.url);
/** A reader that says nothing for so long has hung: what hangs in one call cannot say so itself. */
const SILENCE_MS = 60_000;
/** The system's bzip2 is started for each input, twice. */
const SHARE_OF_BZ2 = 20;

const words = process.argv.slice(2);
if (words[0] === '--child') await feedOne(words[1], Number(words[2]), Number(words[3]));
else await feedEach(words);

async function feedEach([count = '100000', seed = process.env.SEED ?? String(Date.now() % 2 ** 31), ...names]) {
  const { SUBJECTS } = await bundled('../support/malformed/subjects.ts');
  const started = performance.now();
  const failed = [];
  for (const name of names.length > 0 ? names : Object.keys(SUBJECTS)) {
    const inputs = name === 'bz2' ? Math.ceil(Number(count) / SHARE_OF_BZ2) : Number(count);
    if ((await childOf(name, inputs, seed)) !== 0) failed.push(name);
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(
    `inputs: seed ${seed}, ${failed.length === 0 ? 'every reader held' : `FAILED: ${failed.join(' ')}`}, ${seconds} s`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

/** A process for each reader, so that the memory of one is not that of the others. */
function childOf(name, inputs, seed) {
  const child = spawn(process.execPath, [self, '--child', name, String(inputs), seed], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let silence;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      console.log(`inputs ${name}: seed ${seed}, HUNG: nothing for ${SILENCE_MS / 1_000} s`);
      child.kill('SIGKILL');
    }, SILENCE_MS);
  };
  listen();
  child.stdout.on('data', (chunk) => {
    listen();
    const lines = chunk.toString().split('\n');
    for (const line of lines) if (line !== '' && line !== '.') console.log(line);
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(silence);
      resolve(code);
    });
  });
}

async function feedOne(name, inputs, seed) {
  const { SUBJECTS } = await bundled('../support/malformed/subjects.ts');
  const { feedAll, told } = await bundled('../support/malformed/run.ts');
  try {
    console.log(told(await feedAll(await SUBJECTS[name](), inputs, seed, () => console.log('.'))));
  } catch (error) {
    console.log(`inputs ${name}: seed ${seed}, FAILED: ${error.stack}`);
    process.exitCode = 1;
  }
}
