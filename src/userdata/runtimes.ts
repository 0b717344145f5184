/** Node's names of the architectures that a runtime can be pinned for. */
export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** sha256 of the packed Node, by architecture: what a machine without a Node fetches. */
export type Runtimes = { readonly [arch in Architecture]?: string };

export function runtimeName(arch: Architecture): string {
  return `HAULOUT_RUNTIME_${arch.toUpperCase()}`;
}

/** As settings, by name. */
export function runtimesRecord(runtimes: Runtimes): Record<string, string> {
  return Object.fromEntries(
    ARCHITECTURES.flatMap((arch) => (runtimes[arch] === undefined ? [] : [[runtimeName(arch), runtimes[arch]]])),
  );
}

/** Out of settings; undefined: none is pinned. */
export function runtimesFrom(value: (name: string) => string | undefined): Runtimes | undefined {
  const pinned = ARCHITECTURES.map((arch) => [arch, value(runtimeName(arch))] as const).filter(([, sum]) => sum);
  return pinned.length === 0 ? undefined : Object.fromEntries(pinned);
}
