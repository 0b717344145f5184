/** A failure that waiting cannot mend, with its exit code (DESIGN §9). Not a HauloutError: each byte here is paid for. */
export class Stop extends Error {
  readonly exit: number;

  constructor(exit: number, what: string, reason: string, hint: string) {
    super(`${what}: ${reason}. ${hint}`);
    this.exit = exit;
  }
}

export const BAD_SETTINGS = 78;
export const NOT_ROOT = 77;
export const UNAVAILABLE = 69;
