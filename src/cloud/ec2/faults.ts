import type { Fault } from '../s3/faults.ts';

export interface Ec2FaultRequest {
  readonly action: string;
  /**
   * Each request is asked about twice: before it is carried out, when a fault keeps it from being so, and after it was,
   * when only the answer is lost.
   */
  readonly moment: 'before' | 'after';
  readonly parameters: Readonly<Record<string, string>>;
}

/** Misbehaviour on purpose, for tests of those who talk to this endpoint: what the S3 endpoint can do wrong, this one can. */
export type Ec2Faults = (request: Ec2FaultRequest) => Fault | undefined;
