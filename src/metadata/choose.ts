import { ImdsClient, type ImdsOptions, PATIENCE_MS, type ReadMetadata } from '../aws/imds.ts';
import type { Credentials } from '../aws/sigv4.ts';
import { HauloutError } from '../lib/errors.ts';
import { retry } from '../lib/retry.ts';
import { ec2Provider } from './ec2.ts';
import { eucalyptusProvider } from './eucalyptus.ts';
import { fileProvider } from './file.ts';
import { openstackProvider } from './openstack.ts';
import type { Identity, MetadataProvider } from './provider.ts';

/** What the agent asks: who this machine is, and with which keys it reads. */
export interface Metadata {
  /** Rejects when nobody said it in time, with the reason. */
  identity(): Promise<Identity>;
  credentials(fresh: boolean): Promise<Credentials | undefined>;
  /** Whether this machine's service may announce its end (notices.ts). */
  readonly announces: boolean;
  /** One question, without patience and without a word to anybody: for who asks again soon. Rejects when there is no answer. */
  peek: ReadMetadata;
  /** Of the provider that knew this machine. */
  readonly provider: string | undefined;
}

export interface ChooseOptions extends ImdsOptions {
  /** Where the file of a machine without a metadata service would be. */
  readonly file: string;
  /** The provider that knew this machine earlier in this boot: nobody is asked again. */
  readonly provider?: string;
}

/**
 * In the order in which they are asked; the first that knows the machine is its provider. A file is a word of its own. EC2's
 * document is on no other cloud; OpenStack's own is asked before the tree of 2009, which OpenStack has too, with another id.
 */
export function providersFor(imds: ImdsClient, { file, clock }: ChooseOptions): readonly MetadataProvider[] {
  return [fileProvider(file), ec2Provider(imds, clock), openstackProvider(), eucalyptusProvider(imds, clock)];
}

/** The provider is found by looking, once, when it is first needed. */
export function chooseMetadata(options: ChooseOptions): Metadata {
  const imds = new ImdsClient(options);
  const providers = providersFor(imds, options);
  let chosen = providers.find(({ name }) => name === options.provider);
  const look = async (read: ReadMetadata) => {
    for (const provider of chosen ? [chosen] : providers) {
      const found = await provider.look(read);
      if (!found) continue;
      chosen = provider;
      return found;
    }
    throw new Unknown();
  };
  // A service that answers, but does not know this instance yet, says 404 to everything.
  const identity = async () => {
    const budgetMs = options.waitMs ?? PATIENCE_MS;
    const read = imds.reader();
    const policy = { attempts: 1_000, baseMs: 500, capMs: 5_000, budgetMs };
    return await retry(
      policy,
      options,
      (error) => error instanceof Unknown,
      () => look(read),
    ).catch((error) => {
      throw error instanceof Unknown ? unknown(options.file) : error;
    });
  };
  return {
    identity,
    async credentials(fresh) {
      if (!chosen) await identity();
      return await chosen!.credentials(fresh);
    },
    get announces() {
      return chosen?.announces ?? false;
    },
    peek: imds.peek,
    get provider() {
      return chosen?.name;
    },
  };
}

class Unknown extends Error {
  readonly code = 'metadata-unknown';
}

function unknown(file: string): HauloutError {
  return new HauloutError({
    code: 'metadata-unknown',
    step: 'metadata',
    subject: 'http://169.254.169.254',
    reason: 'the metadata service answers, but knows no instance as EC2, Eucalyptus or OpenStack would',
    hint: `on another cloud, say who this machine is in ${file}`,
  });
}
