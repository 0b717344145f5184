/**
 * `<state>/wake`: touched by the desk after an upload; instances that see another one than before sync at once. It may hold whom it
 * concerns, `{"schema":1,"roles":["planet"]}`. Whoever may write there can wake hosts, and nothing more: what it holds is read as a
 * stranger's word, and what cannot be read concerns everybody.
 */
export const WAKE_NAME = 'wake';
/** More than the names of all roles that anybody has. */
export const LARGEST_WAKE = 16 * 1024;

export function wakesRole(body: Uint8Array, role: string): boolean {
  const { roles } = readWake(body);
  return roles.length === 0 || roles.includes(role);
}

/** Whom it concerns, where it names somebody, and when it was written, where it says so: in milliseconds since 1970. */
export function readWake(body: Uint8Array): { readonly roles: readonly string[]; readonly at: number | undefined } {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    if (typeof value !== 'object' || value === null) return NOTHING;
    const { role, roles, at } = value as Record<string, unknown>;
    const names = [...(Array.isArray(roles) ? roles : []), role].filter((each) => typeof each === 'string');
    const time = typeof at === 'string' ? Date.parse(at) : Number.NaN;
    return { roles: names, at: Number.isNaN(time) ? undefined : time };
  } catch {
    return NOTHING;
  }
}

const NOTHING = { roles: [], at: undefined };
