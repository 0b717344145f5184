/** The text of dist/bootstrap.js, checked; `renderUserdata` puts the settings in. */
export function buildLauncher(): Promise<string>;
