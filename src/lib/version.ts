declare const HAULOUT_VERSION: string;

/** Put in by the build, from package.json. */
export const version: string = HAULOUT_VERSION;
