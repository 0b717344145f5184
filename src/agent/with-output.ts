import type { ServiceTrouble } from './service-hands.ts';

/** Carries the trouble of a hook, with its output, through the timeline's catch. */
export class WithOutput extends Error {
  /** For the timeline, which knows nothing of services. */
  readonly code: string;
  readonly output: string;

  constructor(failure: ServiceTrouble) {
    super(failure.trouble.message, { cause: failure.trouble });
    this.code = failure.trouble.code;
    this.output = failure.output;
  }
}

export function throwing(failure: ServiceTrouble | undefined): void {
  if (failure) throw new WithOutput(failure);
}
