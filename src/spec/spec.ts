/** Where in a file something is written; line and column count from 1, columns in characters. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The desired state as meant: every default filled in, every value of its type. Nobody after this asks "is it set?". */
export interface Spec {
  readonly version: 1;
  /** Cron with 5 fields, or 6 with seconds first. */
  readonly schedule: string;
  /** IANA name. */
  readonly timezone: string;
  readonly splayMs: number;
  /** Between two looks for a call of the desk; 0: never. */
  readonly wakeMs: number;
  readonly upgrade: 'boot' | 'never';
  /** Of the Auto Scaling group; undefined: nobody waits for this instance. */
  readonly lifecycleHook: string | undefined;
  readonly packages: readonly PackageSpec[];
  readonly files: readonly FileSpec[];
  readonly services: readonly ServiceSpec[];
  readonly jobs: readonly JobSpec[];
  readonly registrations: readonly RegisterSpec[];
}

/** What an administrator may say on an instance itself, over the bucket's word. */
export type Override = Partial<Pick<Spec, 'schedule' | 'timezone' | 'splayMs' | 'wakeMs' | 'upgrade'>>;

export interface PackageSpec {
  readonly name: string;
  readonly want: 'present' | 'latest' | 'absent' | { readonly version: string };
  readonly at: Place;
}

/** One line of `[files]`: an exception to 0644 root:root for what stands under root/, or a thing that needs no content. */
export interface FileSpec {
  /** Absolute, normalised, without a trailing slash. */
  readonly path: string;
  readonly kind: 'file' | 'template' | 'directory' | 'link' | 'absent';
  /** Permission bits; undefined: 0644 for files, 0755 for directories. */
  readonly mode: number | undefined;
  readonly owner: Owner | undefined;
  /** What a link points at, as written. */
  readonly target: string | undefined;
  readonly at: Place;
}

/** Names as written; `user` alone means the group of the same name. */
export interface Owner {
  readonly user: string;
  readonly group: string;
}

export type Check = { readonly kind: 'url'; readonly url: string } | { readonly kind: 'tcp'; readonly port: number };

export interface ServiceSpec {
  readonly id: string;
  /** `image`: a service image of the bucket (`services/planet`, or an archive `services/planet.tgz`); `unit`: a unit of the system. */
  readonly source: { readonly kind: 'image'; readonly path: string } | { readonly kind: 'unit'; readonly unit: string };
  readonly user: string;
  readonly port: number | undefined;
  /** undefined: an image's own bin/check decides; a unit's state decides. */
  readonly check: Check | undefined;
  /** How long the check must hold before the activation counts. */
  readonly healthMs: number;
  /** Time limit of each hook, validate and unit action. */
  readonly timeoutMs: number;
  /** Path globs and `package:NAME` whose change activates the service again. */
  readonly watch: readonly string[];
  /** A command line for /bin/sh, run after the watched files are swapped and before `then`. */
  readonly validate: string | undefined;
  readonly then: 'reload' | 'restart';
  readonly state: 'running' | 'stopped' | 'absent';
  readonly custom: Readonly<Record<string, string>>;
  readonly at: Place;
}

export interface JobSpec {
  readonly id: string;
  /** Cron with 5 fields, or 6 with seconds first. */
  readonly schedule: string;
  readonly timezone: string;
  /** A command line for /bin/sh. */
  readonly run: string;
  readonly user: string;
  readonly timeoutMs: number;
  readonly at: Place;
}

/** A place where this machine announces itself. */
export interface RegisterSpec {
  readonly id: string;
  /** Command lines for /bin/sh. */
  readonly up: string;
  readonly down: string | undefined;
  readonly user: string;
  /** Time limit of each. */
  readonly timeoutMs: number;
  /** Between two announcements of the same; undefined: once is enough. */
  readonly renewMs: number | undefined;
  readonly state: 'announced' | 'absent';
  readonly at: Place;
}

/** One finding about the spec. Values are never quoted: they may be secret. */
export interface Mistake {
  readonly at: Place;
  /** What is wrong, one sentence without a final full stop. */
  readonly what: string;
  /** What to write instead. */
  readonly instead: string;
}
