import type { TypeName } from './types.ts';

/** One key: what it is, in the words of the documentation. */
export interface KeyRow {
  readonly type: TypeName;
  readonly says: string;
  readonly example: string;
  /** As it would be written. */
  readonly default?: string;
  /** In words, where the default is no value of its own. */
  readonly otherwise?: string;
  readonly required?: true;
}

/** A section whose keys are the reader's own: names of packages, paths, names for hooks. */
export interface FreeRow {
  readonly type: TypeName;
  readonly keys: 'package' | 'path' | 'custom';
  /** What the key is, for a table's head. */
  readonly keySays: string;
  /** The value that an empty one means. */
  readonly default: string;
  readonly examples: readonly { readonly key: string; readonly value: string; readonly says: string }[];
}

export interface SectionRow {
  /** `NAME` stands for a name of the reader's choice. */
  readonly path: readonly string[];
  readonly says: string;
  readonly keys?: Readonly<Record<string, KeyRow>>;
  readonly free?: FreeRow;
  readonly required?: true;
}

export const HAULOUT_KEYS = {
  version: { type: 'version', required: true, says: 'The version of this file', example: '1' },
  schedule: {
    type: 'cron',
    default: '*/5 * * * *',
    says: 'When an instance looks at the bucket again',
    example: '*/10 * * * *',
  },
  timezone: {
    type: 'timezone',
    default: 'UTC',
    says: 'The time zone of `schedule`, and of every job that names none. UTC knows no lost and no double hour',
    example: 'UTC',
  },
  splay: {
    type: 'duration',
    default: '30s',
    says: 'The fleet is spread over this time: each instance starts its sync at its own moment of it',
    example: '2m',
  },
  wake: {
    type: 'pace',
    default: '15s',
    says: 'How often an instance looks whether the desk has called, between two syncs; each look is one small request',
    example: 'off',
  },
  upgrade: {
    type: 'upgrade',
    default: 'boot',
    says: 'Upgrade all packages at the first boot, or never',
    example: 'never',
  },
  'lifecycle-hook': {
    type: 'lifecycle',
    otherwise: 'none',
    says: 'The hook by which its Auto Scaling group holds up the end of an instance; it is told when the services are stopped',
    example: 'goodbye',
  },
} as const satisfies Readonly<Record<string, KeyRow>>;

const { schedule, timezone, splay, wake, upgrade } = HAULOUT_KEYS;
/** What an administrator may say on an instance itself too. */
export const OVERRIDE_KEYS = { schedule, timezone, splay, wake, upgrade };

export const SERVICE_KEYS = {
  image: {
    type: 'image',
    otherwise: 'none: then `unit` is needed',
    says: 'The service image in the bucket: a directory or an archive with `bin/` hooks',
    example: 'services/planet',
  },
  unit: {
    type: 'unit',
    otherwise: 'none: then `image` is needed',
    says: 'A unit of the system (its init script where there is no systemd)',
    example: 'nginx',
  },
  user: { type: 'user', default: 'root', says: 'Who the hooks run as', example: 'www-data' },
  port: { type: 'port', otherwise: 'none', says: 'The port it listens on; the hooks are told', example: '80' },
  check: {
    type: 'check',
    otherwise: 'the hook `bin/check` of an image; the state of a unit',
    says: 'How to see that the service works',
    example: 'http://127.0.0.1/',
  },
  health: {
    type: 'duration',
    default: '10s',
    says: 'How long the check must hold before a change counts as good',
    example: '30s',
  },
  timeout: { type: 'limit', default: '5m', says: 'The time limit of each hook and each action', example: '10m' },
  watch: {
    type: 'watch',
    otherwise: 'nothing',
    says: 'What else activates the service again when it changes',
    example: '/etc/nginx/**, package:nginx',
  },
  validate: {
    type: 'command',
    otherwise: 'none',
    says: 'Runs after changed files are in place and before the service sees them; if it fails, they all go back',
    example: 'nginx -t',
  },
  then: { type: 'action', default: 'restart', says: 'What a unit does after a change', example: 'reload' },
  state: { type: 'state', default: 'running', says: 'What the service should be', example: 'stopped' },
} as const satisfies Readonly<Record<string, KeyRow>>;

export const JOB_KEYS = {
  schedule: { type: 'cron', required: true, says: 'When it runs', example: '2,17,32,47 * * * *' },
  timezone: {
    type: 'timezone',
    otherwise: 'that of `[haulout]`',
    says: 'The time zone of `schedule`',
    example: 'UTC',
  },
  run: { type: 'command', required: true, says: 'What runs', example: '/srv/services/planet/bin/refresh' },
  user: { type: 'user', default: 'root', says: 'Who it runs as', example: 'www-data' },
  timeout: { type: 'limit', default: '10m', says: 'It is ended after this time', example: '1h' },
} as const satisfies Readonly<Record<string, KeyRow>>;

export const REGISTER_KEYS = {
  up: {
    type: 'command',
    required: true,
    says: 'Announces this machine; runs once all services are healthy, and again after each boot, another address or another line here',
    example: 'curl -fsS -X PUT http://monitor.internal/hosts/$HAULOUT_INSTANCE_ID/$HAULOUT_ADDRESS',
  },
  down: {
    type: 'command',
    otherwise: 'nothing',
    says: 'Takes it out again, before its services are stopped for good',
    example: 'curl -fsS -X DELETE http://monitor.internal/hosts/$HAULOUT_INSTANCE_ID',
  },
  user: { type: 'user', default: 'nobody', says: 'Who they run as', example: 'www-data' },
  timeout: { type: 'limit', default: '30s', says: 'The time limit of each', example: '2m' },
  renew: {
    type: 'renewal',
    otherwise: 'never',
    says: '`up` runs again after this time, for places that forget; looked at in each round, so no finer than `schedule`',
    example: '10m',
  },
  state: {
    type: 'announcement',
    default: 'announced',
    says: 'Whether the machine is to be announced there; `absent` runs `down`',
    example: 'absent',
  },
} as const satisfies Readonly<Record<string, KeyRow>>;

/** THE table: the checks, the JSON Schema and the reference page are all made from it. */
export const SECTIONS: readonly SectionRow[] = [
  { path: ['haulout'], required: true, says: 'How instances of this role keep themselves.', keys: HAULOUT_KEYS },
  {
    path: ['packages'],
    says: "Packages of the system's package manager. A package that is not named is left alone.",
    free: {
      type: 'package',
      keys: 'package',
      keySays: 'The name of a package',
      default: 'present',
      examples: [
        { key: 'nginx', value: '', says: 'is installed' },
        { key: 'apache2', value: 'absent', says: 'is removed' },
        { key: 'php8.2-fpm', value: '8.2.*', says: 'is held at a version that fits; an epoch is ignored' },
        { key: 'ca-certificates', value: 'latest', says: 'is upgraded whenever there is a newer one' },
      ],
    },
  },
  {
    path: ['files'],
    says: 'What stands under `root/` lands on the instance as 0644 root:root. Here are the exceptions and the rest.',
    free: {
      type: 'file',
      keys: 'path',
      keySays: 'An absolute path',
      default: '',
      examples: [
        { key: '/etc/app/secret.conf', value: 'mode=0640 owner=root:www-data', says: 'has this mode and this owner' },
        { key: '/etc/motd', value: 'template', says: 'is a Liquid template, filled in on the instance' },
        { key: '/etc/nginx/sites-enabled/app', value: 'link=../sites-available/app', says: 'is a symbolic link' },
        { key: '/srv/app/cache', value: 'directory owner=www-data', says: 'is a directory' },
        { key: '/etc/nginx/sites-enabled/default', value: 'absent', says: 'is removed' },
      ],
    },
  },
  {
    path: ['service', 'NAME'],
    says: 'A service: exactly one of `image` and `unit` says what it is. NAME holds a-z, 0-9, `_` and `-`.',
    keys: SERVICE_KEYS,
  },
  {
    path: ['service', 'NAME', 'custom'],
    says: 'Settings of your own for the service NAME. They reach its hooks as `[custom]`, as written.',
    free: {
      type: 'text',
      keys: 'custom',
      keySays: 'A name of letters, digits, `_`, `-` and `.`',
      default: '',
      examples: [{ key: 'title', value: '"Planet #1"', says: 'quoted, because of the `#`' }],
    },
  },
  { path: ['job', 'NAME'], says: 'A command that runs on a schedule.', keys: JOB_KEYS },
  { path: ['register', 'NAME'], says: 'Somewhere to announce the machine at.', keys: REGISTER_KEYS },
];

/** `[service.NAME.custom]` */
export function headerOf(section: SectionRow): string {
  return `[${section.path.join('.')}]`;
}
