import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import type { ImdsOptions } from '../../src/aws/imds.ts';
import type { InstanceDescription } from '../../src/cloud/metadata/description.ts';
import type { Dialect } from '../../src/cloud/metadata/dialects.ts';
import { type MetadataOptions, type MetadataRequest, metadataHandler } from '../../src/cloud/metadata/handler.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type ChooseOptions, chooseMetadata, type Metadata } from '../../src/metadata/choose.ts';
import { described } from './described.ts';

/** The local cloud's metadata service on loopback, with facts and faults that a test may change while it runs. */
export interface RunningMetadata {
  readonly base: string;
  readonly log: MetadataRequest[];
  readonly faults: NonNullable<MetadataOptions['faults']>;
  facts: Partial<InstanceDescription>;
  /** From now on nobody listens there. */
  stop(): Promise<void>;
}

export async function startMetadata(
  facts: Partial<InstanceDescription> = {},
  port = 0,
  dialect: Dialect = 'aws',
): Promise<RunningMetadata> {
  const log: MetadataRequest[] = [];
  const faults = {};
  const handler = metadataHandler(() => described(undefined, running.facts), {
    dialect,
    faults,
    onRequest: (request) => log.push(request),
  });
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const running: RunningMetadata = { base, log, faults, facts, stop };
  return running;
}

/** Asks at a loopback address, with a patience of `waitMs`. */
export function imdsAt(base: string, options: Partial<ImdsOptions> = {}): ImdsOptions {
  return { base, clock: systemClock, random: () => 0.5, waitMs: 2_000, ...options };
}

/** What the agent would ask, on a machine without a file of its own. */
export function askedAt(base: string, options: Partial<ChooseOptions> = {}): Metadata {
  return chooseMetadata({ file: '/nonexistent/metadata.json', ...imdsAt(base, options), ...options });
}
