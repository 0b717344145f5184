/** What the agent asks of a machine's packages, whichever manager it has. */
export interface PackageManager {
  readonly name: string;
  /**
   * Installed versions by name, the newest first: several where a manager keeps them side by side, as dnf does with kernels.
   * A name without an entry is not installed. Cheap when nothing changed since it was last asked.
   */
  installed(names: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>>;
  /** What an upgrade of them would bring now, where there is one. */
  candidates(names: readonly string[]): Promise<Readonly<Record<string, string | undefined>>>;
  upgrade(): Promise<void>;
  /** All at once: one transaction of the manager. */
  install(packages: readonly PackageWish[]): Promise<void>;
  remove(names: readonly string[]): Promise<void>;
}

export interface PackageWish {
  readonly name: string;
  /** Exact, or a pattern with `*`; undefined: any. */
  readonly version: string | undefined;
  /** An older one that is there does not do. */
  readonly latest: boolean;
}
