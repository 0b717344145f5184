/**
 * `<state>/wake`: touched by the desk after an upload; instances that see another one than before sync at once. It may hold whom it
 * concerns, `{"schema":1,"roles":["planet"]}`. Whoever may write there can wake hosts, and nothing more: what it holds is read as a
 * stranger's word, and what cannot be read concerns everybody.
 */
export const WAKE_NAME = 'wake';
/** More than the names of all roles that anybody has. */
export const LARGEST_WAKE = 16 * 1024;

export function wakesRole(body: Uint8Array, role: string): boolean {
  const roles = rolesOf(Buffer.from(body).toString('utf8'));
  return roles.length === 0 || roles.includes(role);
}

/** Empty: it names none. */
function rolesOf(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return [];
    const { role, roles } = value as Record<string, unknown>;
    return [...(Array.isArray(roles) ? roles : []), role].filter((each) => typeof each === 'string');
  } catch {
    return [];
  }
}
