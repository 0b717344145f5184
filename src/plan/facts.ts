/**
 * What is true on this machine now, as data. The planner looks at nothing else: every digest, version and glob match was
 * taken before (apply/observe.ts).
 */
export interface Facts {
  /** Changes at each boot of the machine. */
  readonly bootId: string;
  /** By package name; undefined: not installed. */
  readonly packages: Readonly<Record<string, PackageFact>>;
  /** By path, for every path the spec or the snapshot names. */
  readonly files: Readonly<Record<string, FileFact>>;
  /** By name, for every owner the spec names; undefined: no such user or group (yet). */
  readonly users: Readonly<Record<string, number | undefined>>;
  readonly groups: Readonly<Record<string, number | undefined>>;
  readonly services: Readonly<Record<string, ServiceFact>>;
  /** Templates as they come out with this machine's values, by path on the machine. */
  readonly rendered: Readonly<Record<string, Content>>;
  /** By job id: digest of its definition. */
  readonly jobs: Readonly<Record<string, string>>;
  /** By registration id: digest of its definition, of this boot and of the machine's addresses. */
  readonly registrations: Readonly<Record<string, string>>;
  /** By registration id, for those with `renew`: which period of it this is. */
  readonly periods: Readonly<Record<string, number>>;
}

export interface PackageFact {
  /** The newest version that is there. */
  readonly installed: string | undefined;
  /** Older ones beside it, as dnf keeps them of kernels. */
  readonly others?: readonly string[];
  /** What would be installed now; known only for packages that want `latest`. */
  readonly candidate: string | undefined;
}

export interface Content {
  readonly sha256: string;
  readonly size: number;
}

export type FileFact =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'file'; readonly mode: number; readonly uid: number; readonly gid: number } & Content)
  | { readonly kind: 'directory'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly kind: 'link'; readonly target: string }
  /** A device, a socket, a fifo: never touched. */
  | { readonly kind: 'other' };

export interface ServiceFact {
  /** Digest of its section in the spec. */
  readonly definition: string;
  /** Digest of its image in the snapshot; undefined for units. */
  readonly image: string | undefined;
  /** Digest of the image that is installed; undefined for units and where there is none. */
  readonly installed: string | undefined;
  /** The image that is installed belongs to another user than its own; for root, who may give it away, nobody asks. */
  readonly foreign?: boolean;
  /** undefined: nothing says so (an image without a check). Of one that shall not run: whether it does. */
  readonly healthy: boolean | undefined;
  /** What it watches, as found: `file:/path` and `package:name` with their digests or versions. */
  readonly watched: Readonly<Record<string, string>>;
  /** Paths of the snapshot and the spec that its globs match, on disk or not. */
  readonly watchedPaths: readonly string[];
}
