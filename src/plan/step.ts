/** One thing to do. Steps are data: printed by `haulout plan`, carried out by the agent, compared by tests. */
export type Step = { readonly subject: string; readonly why: string } & Action;

export type Action =
  | { readonly do: 'upgrade-packages' }
  | { readonly do: 'remove-package'; readonly name: string }
  | {
      readonly do: 'install-package';
      readonly name: string;
      readonly version: string | undefined;
      readonly latest: boolean;
    }
  | { readonly do: 'make-directory'; readonly path: string; readonly mode: number; readonly owner: OwnerNames }
  | {
      readonly do: 'write-file';
      readonly path: string;
      readonly sha256: string;
      readonly size: number;
      readonly mode: number;
      readonly owner: OwnerNames;
      /** Services that validate before they see it: what stood there is kept until they have accepted it. */
      readonly heldFor: readonly string[];
    }
  | { readonly do: 'link'; readonly path: string; readonly target: string; readonly heldFor: readonly string[] }
  | { readonly do: 'remove-file'; readonly path: string; readonly heldFor: readonly string[] }
  | { readonly do: 'stop-service'; readonly service: string; readonly remove: boolean }
  | {
      readonly do: 'activate-service';
      readonly service: string;
      readonly phases: readonly Phase[];
      readonly changed: readonly Change[];
    }
  | { readonly do: 'schedule-job'; readonly job: string }
  /** `renewal`: nothing is new; the place is told once more, in case it has forgotten. */
  | { readonly do: 'register'; readonly registration: string; readonly renewal: boolean }
  | { readonly do: 'withdraw'; readonly registration: string };

export interface OwnerNames {
  readonly user: string;
  readonly group: string;
}

export type Phase = 'stop' | 'swap-image' | 'configure' | 'validate' | 'start' | 'reload' | 'restart' | 'check';

/** What a service is activated for: `file:/etc/nginx/nginx.conf` with digests, `package:nginx` with versions. */
export interface Change {
  readonly subject: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** A subject that would be acted on, but failed shortly before: its turn comes later. */
export interface Waiting {
  readonly subject: string;
  readonly code: string;
  readonly failures: number;
  /** Wall clock, milliseconds. */
  readonly nextTry: number;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly waiting: readonly Waiting[];
}

/** The steps that tell others of this machine. */
export type RegisterStep = Extract<Step, { do: 'register' | 'withdraw' }>;

/** The steps that put a path right. */
export type FileStep = Extract<Step, { do: 'write-file' | 'make-directory' | 'link' | 'remove-file' }>;
