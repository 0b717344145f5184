import type { Log } from '../../lib/log.ts';
import type { Able } from '../machine/able.ts';
import type { XmlFields } from '../s3/xml.ts';
import type { Addresses } from './addresses.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { Instances, Reservation } from './instances.ts';
import type { Order } from './order.ts';
import type { Parameters } from './parameters.ts';
import type { Tags } from './tags.ts';
import type { Template, Templates, TemplateVersion } from './templates.ts';

/** What an action is handed: what was asked, already believed and known by name, and the cloud's state. */
export interface Call {
  readonly parameters: Parameters;
  readonly cloud: CloudState;
}

/** Everything that requests are about. */
export interface CloudState {
  readonly region: string;
  readonly accountId: string;
  readonly log: Log;
  readonly instances: Instances;
  readonly addresses: Addresses;
  readonly tags: Tags;
  readonly templates: Templates;
  readonly launchTokens: ClientTokens<Reservation>;
  readonly templateTokens: ClientTokens<Template>;
  readonly versionTokens: ClientTokens<TemplateVersion>;
  /** What every instance that is asked for here has, whatever the request says. */
  readonly everyOrder: Pick<Order, 'credentials' | 'launchOptions'>;
  readonly able: () => Promise<Able>;
}

/** One row of the table in actions.ts. */
export interface Action {
  /** Parameters that it hears, N for every number: `Filter.N.Value.N`. */
  readonly takes: readonly string[];
  /** Parameters that mean nothing here and do no harm; with a final dot, all that begin so. */
  readonly ignores?: readonly string[];
  readonly handle: (call: Call) => XmlFields | Promise<XmlFields>;
}

export const DONE: XmlFields = { return: true };
