/** Misbehaviour on purpose, for tests of those who talk to this endpoint. */
export type Fault =
  /** Refused with this status and code before anything is looked at. */
  | { readonly status: number; readonly code: string }
  /** Answered rightly, but this much later. */
  | { readonly stallMs: number }
  /** Answered rightly, but the connection breaks after so many bytes of the answer's body. */
  | { readonly cutAfterBytes: number };

export interface FaultRequest {
  readonly method: string;
  readonly operation: string;
  readonly bucket?: string;
  readonly key?: string;
}

export type Faults = (request: FaultRequest) => Fault | undefined;
