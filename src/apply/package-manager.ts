/** What the agent asks of a machine's packages. One file per manager; a table of them in `agent/main.ts`. */
export interface PackageManager {
  readonly name: string;
  /** Installed versions by name; undefined: not installed. Cheap when nothing changed since it was last asked. */
  installed(names: readonly string[]): Promise<Readonly<Record<string, string | undefined>>>;
  /** What an install would bring now. */
  candidates(names: readonly string[]): Promise<Readonly<Record<string, string | undefined>>>;
  upgrade(): Promise<void>;
  /** All at once: one transaction of the manager. A version is exact or a pattern with `*`. */
  install(packages: readonly { readonly name: string; readonly version: string | undefined }[]): Promise<void>;
  remove(names: readonly string[]): Promise<void>;
}
