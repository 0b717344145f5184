import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { chooseMetadata } from '../../src/metadata/choose.ts';
import { isIdentity } from '../../src/metadata/provider.ts';
import { renderCfg } from '../../src/services/cfg.ts';
import { parseOverride, parseSpec } from '../../src/spec/parse.ts';
import { outsideGrammar } from '../support/cloud-tools.ts';
import { DESK, type Help, readHelp } from './cli.ts';
import { allPages, codeWords, type Example, readPage, tableRows, top, withoutFences } from './pages.ts';
import { commandsOf, unknownFlags } from './shell.ts';
import { Checked } from './typecheck.ts';

const pages = allPages();
const examples = pages.flatMap((page) => page.examples);
const marked = (info: string) => examples.filter((example) => example.info === info);
const titled = (some: readonly Example[]) => some.map((example) => [example.at, example] as const);
const { scripts, engines } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  engines: { node: string };
};

/** The info strings there are; what is not here is an example that nothing would check. */
const KINDS = [
  'ini',
  'ini fragment',
  'ini override',
  'cfg',
  'json',
  'json event',
  'json metadata',
  'json status',
  'sh',
  'sh run',
  'sh script',
  'sh hook',
  'sh instance',
  'text',
  'text help',
  'text transcript',
  'ts',
];

let help: Help;
beforeAll(async () => {
  help = await readHelp();
});

describe('every example', () => {
  it.each(titled(examples))('%s says what it is', (_, { page, info }) => {
    if (page.startsWith('buckets/') && info === '') return;
    expect(KINDS).toContain(info);
  });
});

describe('ini', () => {
  it.each(titled(marked('ini')))('%s is a spec', (_, { text }) => {
    expect(parseSpec(text)).toMatchObject({ ok: true, warnings: [] });
  });

  it.each(titled(marked('ini fragment')))('%s is a part of one', (_, { text }) => {
    expect(parseSpec(`[haulout]\nversion = 1\n${text}`)).toMatchObject({ ok: true, warnings: [] });
  });

  it.each(titled(marked('ini override')))('%s is an override', (_, { text }) => {
    expect(parseOverride(text, '/etc/haulout/haulout.ini')).toMatchObject({ ok: true });
  });
});

it.each(titled(marked('cfg')))('%s is what hooks get', (_, { text }) => {
  const service = {
    serviceId: 'shop',
    role: 'shop',
    instanceId: 'i-0123456789abcdef0',
    user: 'www-data',
    directory: '/srv/services/shop',
    port: 8080,
    address: '10.0.0.10',
    region: 'us-east-1',
  };
  const after = '0d6e4079e36703ebd37c00722f5891d28b0e2811dc114b129215123adcce3605';
  const changed = [
    { subject: 'file:/srv/shop/prices.csv', before: undefined, after },
    { subject: 'package:nginx', before: '1.22.1-9', after: '1.22.1-9+deb12u1' },
  ];
  expect(text).toBe(renderCfg({ service, changed, custom: { title: 'Shop #1' } }));
});

describe('json and ts', () => {
  const typed = [
    ...marked('json event').map((example) => ({ example, head: TYPED('TryEvent', 'cli/try/events.ts') })),
    ...marked('json status').map((example) => ({ example, head: TYPED('Status', 'status/status.ts') })),
    ...marked('ts').map((example) => ({ example, head: '' })),
  ];
  const sources = typed.map(({ example, head }, index) => {
    return { at: example.at, name: `example-${index}.ts`, text: `${head}${example.text}` };
  });
  let checked: Checked;
  beforeAll(() => {
    checked = new Checked(sources);
  }, 60_000);

  it.each(titled(marked('json')))('%s parses', (_, { text }) => {
    expect(JSON.parse(text)).toBeTypeOf('object');
  });

  it.each(sources.map((source) => [source.at, source.name] as const))('%s has the right types', (_, name) => {
    expect(checked.complaints(name)).toEqual([]);
  });
});

it.each(titled(marked('json metadata')))('%s says who a machine is', async (_, { text }) => {
  const directory = mkdtempSync(join(tmpdir(), 'haulout-docs-'));
  const file = join(directory, 'metadata.json');
  writeFileSync(file, text);
  const metadata = chooseMetadata({ file, clock: systemClock, random: Math.random, base: 'http://127.0.0.1:9' });
  expect(isIdentity(await metadata.identity())).toBe(true);
  rmSync(directory, { recursive: true });
});

function TYPED(type: string, file: string): string {
  return `import type { ${type} } from '../../src/${file}';\nexport const example: ${type} = `;
}

describe('sh', () => {
  it.each(titled([...marked('sh'), ...marked('sh run')]))('%s names commands that there are', (_, { text }) => {
    expect(complaintsAbout(text)).toEqual([]);
  });

  it.each(titled(marked('sh instance')))('%s names commands of the agent', (_, { text }) => {
    for (const [program, name] of commandsOf(text)) {
      expect(program).toBe('haulout');
      expect(help.onInstance).toContain(name);
    }
  });

  it.each(titled(marked('sh hook')))('%s is shell', (_, { text }) => {
    const { status, stderr } = spawnSync('/bin/sh', ['-n'], { input: text, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    expect(text).toMatch(/^#!\/bin\/sh\n/);
  });

  describe('that runs', () => {
    const directory = mkdtempSync(join(tmpdir(), 'haulout-docs-'));
    afterAll(() => rmSync(directory, { recursive: true }));

    it.each(titled(marked('sh run')))('%s', async (at, { text }) => {
      const here = join(directory, at.replace(/\W/g, '-'));
      mkdirSync(join(here, 'bin'), { recursive: true });
      writeFileSync(join(here, 'bin/haulout'), `#!/bin/sh\nexec '${process.execPath}' '${DESK}' "$@"\n`, {
        mode: 0o755,
      });
      const env = { PATH: `${join(here, 'bin')}:${process.env['PATH']}`, HOME: here };
      const ran = promisify(execFile)('/bin/sh', ['-eux', '-c', text], { cwd: here, env });
      await expect(ran).resolves.toBeDefined();
    });
  });
});

describe('words between backquotes', () => {
  it.each(pages.map(({ path, text }) => [path, text] as const))(
    '%s: commands and scripts that there are',
    (_, text) => {
      const words = [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map(([, word]) => word ?? '');
      const commands = words.filter((word) => /^(haulout|npm|npx|bash) [a-z]/.test(word));
      expect(commands.flatMap((command) => complaintsAbout(command))).toEqual([]);
    },
  );
});

describe('README.md', () => {
  const text = pages[0]?.text ?? '';

  it('has the two commands, each on a line of its own', () => {
    const lines = text.split('\n');
    expect(lines).toContain('npm ci && npm run try -- buckets/planet');
    expect(lines).toContain('npm ci && npm test');
  });

  it('names the Node that package.json asks for', () => {
    const asked = engines.node.replace('>=', '>= ');
    for (const page of pages) for (const [said] of page.text.matchAll(/>= \d+\.\d+/g)) expect(said).toBe(asked);
    expect(text).toContain(`Node ${asked}`);
  });

  it('shows what try prints', () => {
    const phases = codeWords(/^\* `phase` is one of .*$/m.exec(readPage('docs/try.md').text)?.[0] ?? '');
    const events = tableRows(readPage('docs/try.md').text, '| event | when |').flatMap(([name = '']) =>
      codeWords(name),
    );
    const words = [...phases, ...events, 'uploaded', 'deleted'];
    for (const { text } of marked('text transcript')) {
      for (const line of text.trimEnd().split('\n')) {
        const word = /^ *(?:[\d.:]+(?: s)?)? *(\S+)/.exec(line)?.[1] ?? '';
        if (!/^(file|service|package):/.test(word)) expect(words, line).toContain(word);
      }
    }
  });
});

describe('links', () => {
  it.each(pages.map((page) => [page.path, page] as const))('%s leads somewhere', (path, { text }) => {
    const links = [...withoutFences(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !/^https:\/\//.test(link) && !leads(path, link))).toEqual([]);
  });
});

describe('layouts', () => {
  const layouts = examples.filter(({ page, info }) => page.startsWith('buckets/') && info === '');
  it.each(titled(layouts))('%s names what is in the bucket', (_, { page, text }) => {
    for (const line of text.split('\n').filter(Boolean)) {
      expect(existsSync(join(top, dirname(page), line.split(/\s/)[0] ?? '')), line).toBe(true);
    }
  });
});

it.each(pages.map(({ path, text }) => [path, text] as const))('%s has no path of a machine in it', (_, text) => {
  expect(text).not.toMatch(/(^|[\s`'"(=])\/(work|home|Users|root|tmp)\/\w|\bregistry\.|~\/\w/m);
});

it('NOTICE names the licence of every package in a bundle', () => {
  const notice = readFileSync(join(top, 'NOTICE'), 'utf8');
  const lock = JSON.parse(readFileSync(join(top, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { license?: string; dev?: boolean }>;
  };
  const bundled = Object.entries(lock.packages).filter(
    ([path, { dev }]) => path !== '' && !dev && !path.includes('/@types/'),
  );
  const licences = new Set(bundled.map(([, { license }]) => license ?? 'none').filter((name) => !name.startsWith('(')));
  for (const licence of licences) expect(notice).toMatch(new RegExp(`^  ${licence} `, 'm'));
});

it('CONTRIBUTING.md has a row for every room', () => {
  const text = readFileSync(join(top, 'CONTRIBUTING.md'), 'utf8');
  const rooms = readdirSync(join(top, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of rooms) expect(text).toContain(`| \`${name}\` |`);
});

function leads(from: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? from : join(dirname(from), file);
  if (!existsSync(join(top, target))) return false;
  if (anchor === undefined) return true;
  const headings = readFileSync(join(top, target), 'utf8').matchAll(/^#+ (.*)$/gm);
  return [...headings].some(([, heading]) => slug(heading ?? '') === anchor);
}

/** As code hosts make anchors out of headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** aws calls in examples: service, command, and the flags of it that we use. */
const AWS: Readonly<Record<string, readonly string[]>> = {
  's3 cp': ['--recursive', '--exclude', '--endpoint-url', '--region', '--profile'],
  's3 sync': ['--delete', '--exclude', '--endpoint-url', '--region', '--profile'],
  'ec2 modify-instance-metadata-options': ['--instance-id', '--http-put-response-hop-limit'],
  'ec2 run-instances': [
    '--image-id',
    '--instance-type',
    '--iam-instance-profile',
    '--user-data',
    '--key-name',
    '--count',
    '--metadata-options',
    '--launch-template',
    '--endpoint-url',
  ],
  'ec2 create-launch-template': ['--cli-input-json'],
  'ec2 create-launch-template-version': ['--cli-input-json'],
  'autoscaling create-auto-scaling-group': ['--cli-input-json'],
  'autoscaling start-instance-refresh': ['--cli-input-json'],
  'cloudformation deploy': ['--template-file', '--stack-name', '--capabilities', '--parameter-overrides'],
  'ec2 allocate-address': ['--endpoint-url'],
  'ec2 associate-address': ['--instance-id', '--allocation-id', '--endpoint-url'],
  'ec2 get-console-output': ['--instance-id', '--output', '--endpoint-url'],
  'ec2 terminate-instances': ['--instance-ids', '--endpoint-url'],
  'ec2 wait': ['--instance-ids', '--endpoint-url'],
};
const KNOWN = new Set(['.', 'alias', 'cp', 'curl', 'date', 'export', 'git', 'printf', 'sudo']);

/** Further programs of examples: their commands, and the flags of each that we use. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  'terraform apply': [],
  'packer init': [],
  'packer build': ['-var'],
  'openstack stack create': ['-t'],
};

function complaintsAbout(text: string): string[] {
  return commandsOf(text).flatMap((words) => complaintsAboutOne(words).map((what) => `${words.join(' ')}: ${what}`));
}

function complaintsAboutOne(words: readonly string[]): string[] {
  const [program = '', ...rest] = words;
  if (program === 'haulout') return aboutHaulout(rest);
  if (program === 'npm') return aboutNpm(rest);
  if (program === 'aws') return aboutAws(rest);
  if (program === 'npx') return existsSync(join(top, 'node_modules/.bin', rest[0] ?? '')) ? [] : ['no such program'];
  if (program === 'bash' || program === 'node') return existsSync(join(top, rest[0] ?? '')) ? [] : ['no such file'];
  if (/^[A-Z_]+=/.test(program)) return complaintsAboutOne(rest);
  if (/^(euca-|openstack$)/.test(program) && words[1] !== 'stack') return outsideGrammar(words);
  const other = Object.keys(OTHERS).find((name) => words.join(' ').startsWith(name));
  if (other)
    return unknownFlags(words, new Map(OTHERS[other]?.map((flag) => [flag, true]))).map((flag) => `no flag ${flag}`);
  return KNOWN.has(program) ? [] : ['an unknown program'];
}

function aboutHaulout([command = '', ...words]: readonly string[]): string[] {
  const flags = help.flags.get(`${command} ${words[0] ?? ''}`) ?? help.flags.get(command);
  if (flags) return unknownFlags(words, flags).map((flag) => `no flag ${flag}`);
  return help.onInstance.includes(command) || command.startsWith('-') ? [] : ['no such command'];
}

function aboutNpm([verb = '', script = '', ...words]: readonly string[]): string[] {
  if (['ci', 'test'].includes(verb)) return [];
  if (verb !== 'run' || scripts[script] === undefined) return ['no such script'];
  return script === 'try' ? aboutHaulout(['try', ...words]) : [];
}

function aboutAws([service = '', command = '', ...words]: readonly string[]): string[] {
  const flags = AWS[`${service} ${command}`];
  if (!flags) return ['an unknown call'];
  return unknownFlags(words, new Map(flags.map((flag) => [flag, true]))).map((flag) => `no flag ${flag}`);
}
