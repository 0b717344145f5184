import { checkTemplates } from '../apply/check-templates.ts';
import type { Known } from '../bucket/settle.ts';
import type { Snapshot } from '../bucket/snapshot.ts';
import { SPEC_PATH } from '../bucket/snapshot.ts';
import { type Taken, type TakeOptions, takeSnapshot } from '../bucket/take.ts';
import { chooseContent, type Ledger } from '../ledger/ledger.ts';
import { asTrouble, HauloutError, type Trouble } from '../lib/errors.ts';
import type { Identity } from '../metadata/provider.ts';
import { checkContent } from '../spec/check-content.ts';
import { LARGEST_TEMPLATE } from '../spec/content-templates.ts';
import { parseSpec } from '../spec/parse.ts';
import type { Mistake, Spec } from '../spec/spec.ts';
import { type Memory, remember } from './memory.ts';
import type { World } from './world.ts';

/** What the bucket says now; `trouble` when it could not be heard, or says nothing that can be used. */
export interface News {
  readonly snapshot: Snapshot | undefined;
  readonly trouble: Trouble | undefined;
}

/** What this round brings about, and what stood in the way of the bucket's own content. */
export interface Wanted {
  readonly snapshot: Snapshot;
  readonly spec: Spec;
  /** The bucket's content is not it: said in the status, while the machine keeps what it has. */
  readonly trouble: Trouble | undefined;
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
}

const LARGEST_SPEC = 1024 * 1024;

/** As much of the world as a look at the bucket touches: the benchmark of the reading path makes no more of it. */
export interface BucketWorld extends Pick<World, 'clock' | 'store' | 'state'> {
  readonly waits: Pick<World['waits'], 'for'>;
  readonly settings: Pick<TakeOptions, 'settleMs'>;
  readonly eyes: Pick<World['eyes'], 'cache'>;
}

/** Law 3: a bucket that is empty, gone, forbidden or out of reach is no news, and no news changes nothing. */
export async function lookAtBucket(world: BucketWorld, memory: Memory): Promise<News> {
  const { settings, clock, waits, store } = world;
  const patience = waits.for('bucket', store.name);
  const from = clock.elapsed();
  let taken: Taken | undefined;
  try {
    taken = await takeSnapshot(world.store, world.eyes.cache, {
      settleMs: settings.settleMs,
      clock,
      last: memory.last,
      patience: waits.for('settle', store.name),
    });
  } catch (error) {
    patience.missed(error, from);
    return { snapshot: undefined, trouble: asTrouble(error, 'bucket', store.name) };
  }
  if (!taken) {
    patience.missed(noSpec(store.name), from);
    return { snapshot: undefined, trouble: noSpec(store.name) };
  }
  patience.over();
  try {
    await writeDown(world, memory.last, taken);
  } catch (error) {
    return { snapshot: undefined, trouble: asTrouble(error, 'bucket', store.name) };
  }
  memory.last = taken;
  memory.strangers = taken.strangers;
  return { snapshot: taken.snapshot, trouble: undefined };
}

/** What cannot be written down is no news: a disk that is full must not keep services from being looked after. */
async function writeDown({ state }: BucketWorld, last: Known | undefined, taken: Taken): Promise<void> {
  const isNew = taken.snapshot !== last?.snapshot;
  if (isNew) await state.writeSnapshot(taken.snapshot);
  if (isNew || taken.prints.join() !== last.prints.join()) await remember(state, taken);
}

/**
 * bucket's content | proven content | what is brought about
 * -----------------|----------------|--------------------------------------------
 * readable         | any            | the bucket's
 * set aside        | there          | the proven one
 * broken spec      | there          | the proven one; every mistake is reported
 * broken spec      | none           | nothing: the round fails with the mistakes
 * no news          | there          | the proven one: drift is still put back
 * no news          | none           | nothing: the round fails with the trouble
 */
export async function chooseWanted(world: World, ledger: Ledger, news: News, identity: Identity): Promise<Wanted> {
  const proven =
    ledger.content.proven === undefined ? undefined : await world.state.readSnapshot(ledger.content.proven);
  // Its file was lost, and the bucket has it still: it may not have it the next time.
  if (!proven && news.snapshot && news.snapshot.digest === ledger.content.proven) {
    await world.state.writeSnapshot(news.snapshot);
  }
  const choice = chooseContent(ledger.content, news.snapshot, proven, world.clock.now());
  if (!choice) throw new HauloutError(news.trouble ?? noSpec(world.store.name));
  const first = await readSpec(world, choice.snapshot, identity);
  const warnings = first.warnings;
  if (first.spec) {
    return { snapshot: choice.snapshot, spec: first.spec, trouble: news.trouble, mistakes: [], warnings };
  }
  const fallback =
    proven && proven.digest !== choice.snapshot.digest ? await readSpec(world, proven, identity) : undefined;
  if (!proven || !fallback?.spec) throw new SpecRefused(first.mistakes);
  const trouble = specTrouble(first.mistakes);
  return { snapshot: proven, spec: fallback.spec, trouble, mistakes: first.mistakes, warnings };
}

interface ReadSpec {
  readonly spec: Spec | undefined;
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
}

async function readSpec(world: World, snapshot: Snapshot, identity: Identity): Promise<ReadSpec> {
  const entry = snapshot.entries.find(({ path }) => path === SPEC_PATH);
  if (!entry) return { spec: undefined, mistakes: [], warnings: [] };
  const parsed = parseSpec(await world.eyes.cache.bytes(entry.sha256, Math.max(entry.size, LARGEST_SPEC)));
  if (!parsed.ok) return { spec: undefined, mistakes: parsed.mistakes, warnings: parsed.warnings };
  const found = checkContent(parsed.spec, snapshot.entries);
  const warnings = [...parsed.warnings, ...found.warnings];
  const read = async (path: string) => {
    const template = snapshot.entries.find((candidate) => candidate.path === path);
    // One that is larger is a mistake that was found already.
    if (template === undefined || template.size > LARGEST_TEMPLATE) return undefined;
    return await world.eyes.cache.bytes(template.sha256, LARGEST_TEMPLATE);
  };
  const mistakes = [...found.mistakes, ...(await checkTemplates(parsed.spec, identity, world.settings.role, read))];
  if (mistakes.length > 0) return { spec: undefined, mistakes, warnings };
  return { spec: { ...parsed.spec, ...(await world.override()) }, mistakes: [], warnings };
}

/** A spec that was refused where there is nothing proven to keep. */
export class SpecRefused extends HauloutError {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(specTrouble(mistakes));
    this.mistakes = mistakes;
  }
}

function specTrouble(mistakes: readonly Mistake[]): Trouble {
  const first = mistakes[0];
  const more = mistakes.length > 1 ? ` (and ${mistakes.length - 1} more)` : '';
  return {
    code: 'spec-invalid',
    step: 'spec',
    subject: first ? `spec:${first.at.file}:${first.at.line}:${first.at.column}` : `spec:${SPEC_PATH}`,
    reason: `${first?.what ?? 'it cannot be read'}${more}`,
    hint: first?.instead ?? 'run `haulout lint` on the directory that was uploaded',
  };
}

function noSpec(name: string): Trouble {
  return {
    code: 'bucket-empty',
    step: 'bucket',
    subject: name,
    reason: `there is no ${SPEC_PATH}`,
    hint: `upload one to ${name}/${SPEC_PATH}; until then this machine keeps what it has`,
  };
}
