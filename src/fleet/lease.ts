/**
 * An instance's word that it is there, inside its status. It is renewed at each sync; who hears nothing newer until it expires takes
 * the instance for lost. The last one is a tombstone: the instance said goodbye.
 */
export interface Lease {
  /** Boots of this instance, counted by its agent; the first is 1. */
  readonly generation: number;
  /** ISO 8601. */
  readonly expires: string;
  /** draining: a notice came, the instance is leaving. ended: it has left; its stop hooks are done. */
  readonly state: 'active' | 'draining' | 'ended';
  /** Why it drains or ended. */
  readonly notice?: Notice;
}

/** What announced the end of an instance. */
export interface Notice {
  /**
   * spot: an interruption. rebalance: one is likely, nothing is decided. scheduled: an event of the cloud's maintenance. autoscaling: its group
   * takes it out. shutdown: the machine is going down.
   */
  readonly kind: 'spot' | 'rebalance' | 'scheduled' | 'autoscaling' | 'shutdown';
  /** ISO 8601, when the agent heard of it. */
  readonly heard: string;
  /** ISO 8601, when the machine goes, where that was said. */
  readonly deadline?: string;
}
