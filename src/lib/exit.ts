/** What a command's exit code says (DESIGN §9; the numbers above 63 are sysexits(3)'s). */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Differences, or problems found. */
  differences: 2,
  usage: 64,
  unavailable: 69,
  tryAgain: 75,
  notPermitted: 77,
  badConfiguration: 78,
  interrupted: 130,
} as const;
