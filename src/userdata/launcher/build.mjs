import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/**
 * dist/bootstrap.js: one brace group for sh, one block for JavaScript, closed by the same last brace. Both readers take a
 * group whole or not at all, so a copy that was cut short runs nothing, wherever the cut is.
 *
 *   sh reads          { ":" /STAR ... exec node "$0" ... : <<'HAULOUT_JS' ... HAULOUT_JS #... }
 *   JavaScript reads  { ":" (comment) code (comment) }
 *
 * Packed, because 16 KB must hold it: what sh does where there is no Node (gzip and base64, which every machine has), and
 * the JavaScript (brotli, which every Node has, as digits of base 90: 8 % less text than base64).
 */
const HEAD = `#!/bin/sh
{ ":" /*
for name in ENDPOINT REGION ANONYMOUS OWNER STATE RUNTIME_X64 RUNTIME_ARM64; do unset HAULOUT_$name; done
# haulout boots this machine from a bucket. Settings, one NAME=value a line; no secret belongs here:
#HAULOUT_SETTINGS
`;
const TO_SCRIPT = `: <<'HAULOUT_JS' */
`;
/**
 * getBuiltinModule instead of require: the file then also runs where it is taken for an ES module (a package.json above
 * it, a name in .mjs).
 */
const PROLOGUE = `;const require=process.getBuiltinModule;if(!require){console.error("haulout: runtime: node: "+process.version+" is too old. Put Node 20.19 or newer on this machine");process.exit(69)}
`;
/** All that is printable but what ends a template or a comment: `, \\, $ and *. */
const DIGITS = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).filter((digit) => !/[`\\$*]/.test(digit));
const UNPACK = [
  'let n=0n;for(const c of Buffer.from(`',
  '`))if(c>32)n=n*90n+BigInt(c-33-(c>36)-(c>42)-(c>92)-(c>96));eval(require("zlib").brotliDecompressSync(Buffer.from(n.toString(16).slice(1),"hex"))+"")\n',
];
const TAIL = `/*
#HAULOUT_AGENT
HAULOUT_JS
#*/
}
`;
/** The parts of the shell side that are packed, in the order in which they pack best; `top.sh` stands before them as it is, `last.sh` after. */
const WITHOUT_NODE = ['sign', 'ask', 'object', 'packages', 'runtime', 'main'];

/** A line longer than this does not survive mail software, which some platforms join user-data parts with. */
const LONGEST_LINE = 998;

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export async function buildLauncher() {
  const [top, last, ...parts] = await Promise.all(['top', 'last', ...WITHOUT_NODE].map(shell));
  const without = `eval "$(printf %s '${base64(gzipSync(parts.join(''), { level: 9 }))}' | base64 -d | gzip -dc)"\n`;
  const script = await bundle();
  const code = `${UNPACK[0]}${dense(brotli(script))}${UNPACK[1]}`;
  const text = HEAD + top + without + last + TO_SCRIPT + PROLOGUE + code + TAIL;
  check(text, script);
  return text;
}

/** A part without its comments and indentation; nothing in these files spans lines in which those would count. */
async function shell(name) {
  const lines = (await readFile(here(`${name}.sh`), 'utf8')).split('\n').map((line) => line.trimStart());
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => `${line}\n`).join('');
}

function brotli(script) {
  return brotliCompressSync(script, { params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT } });
}

function base64(bytes) {
  return lines(bytes.toString('base64'));
}

/** One large number, with a 1 before it, so that no zero in front is lost. */
function dense(bytes) {
  let text = '';
  for (let rest = BigInt(`0x1${bytes.toString('hex')}`); rest > 0n; rest /= 90n) text = DIGITS[Number(rest % 90n)] + text;
  return lines(text);
}

function lines(text) {
  return text.replace(/.{900}/g, '$&\n');
}

async function bundle() {
  const result = await build({
    entryPoints: [here('main.ts')],
    bundle: true,
    write: false,
    minify: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [builtins],
  });
  return result.outputFiles[0].text;
}

/** Without the word that importing them changes nothing, esbuild keeps a require for builtins nobody uses. */
const builtins = {
  name: 'builtins',
  setup(made) {
    made.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
    made.onResolve({ filter: /^[^.]/ }, ({ path, kind }) =>
      kind === 'entry-point'
        ? undefined
        : { errors: [{ text: `${path}: the launcher uses nothing but node: modules` }] },
    );
  },
};

function check(text, script) {
  const comment = text.slice(text.indexOf('/*') + 2, text.indexOf(TO_SCRIPT) + TO_SCRIPT.lastIndexOf('*/'));
  const rules = [
    [/^[\n\x20-\x7e]*$/.test(text), 'is not pure ASCII with LF line ends'],
    [text.startsWith('#!/bin/sh\n'), 'does not start with #!/bin/sh'],
    [!/mime-version:/i.test(text), 'would be taken for mail'],
    [!comment.includes('*/'), 'ends its JavaScript comment inside the shell part'],
    [!/^HAULOUT_/m.test(comment), 'has a setting before it is rendered'],
    [!/\bmodule\.exports\b/.test(script), 'exports something'],
    [text.split('\n#HAULOUT_SETTINGS\n').length === 2, 'has not one place for settings'],
    [text.split('\n#HAULOUT_AGENT\n').length === 2, 'has not one place for an agent'],
    [text.split('\n').every((line) => line.length <= LONGEST_LINE), 'has a line that is too long'],
    [text.endsWith('\n}\n'), 'does not end with the closing brace'],
    [requires(script).every((name) => builtinModules.includes(name)), 'requires what Node does not bring'],
  ];
  const broken = rules.filter(([holds]) => !holds).map(([, word]) => word);
  if (broken.length > 0) throw new Error(`bootstrap.js ${broken.join('; ')}`);
}

function requires(script) {
  return [...script.matchAll(/\brequire\("(?:node:)?([^"]+)"\)/g)].map(([, name]) => name);
}
