/** A failure that waiting cannot mend, with its exit code (DESIGN §9). Not a HauloutError: each byte here is paid for. */
export class Stop extends Error {
  readonly exit: number;
  /** Step, subject, reason, hint: what a status says of a trouble. */
  readonly words: readonly [string, string, string, string];

  /** `what`: step and subject, with a colon between them. */
  constructor(exit: number, what: string, reason: string, hint: string) {
    super(`${what}: ${reason}. ${hint}`);
    this.exit = exit;
    const [step = '', subject = ''] = what.split(/: (.*)/);
    this.words = [step, subject, reason, hint];
  }
}

export const BAD_SETTINGS = 78;
export const NOT_ROOT = 77;
export const UNAVAILABLE = 69;
