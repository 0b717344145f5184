import { metadata } from './metadata.ts';
import { archives } from './place.ts';
import { status } from './statuses.ts';
import type { Subject } from './subject.ts';
import { bzips, tars, tgzs } from './tars.ts';
import { listing, spec } from './texts.ts';
import { zips } from './zips.ts';

/** Every reader of what comes from outside. Each is made when it is its turn, and closed by `feedAll`. */
export const SUBJECTS: Readonly<Record<string, () => Subject | Promise<Subject>>> = {
  spec: () => spec,
  listing: () => listing,
  metadata,
  status: () => status,
  tar: () => archives('tar', '.tar', tars),
  tgz: () => archives('tgz', '.tgz', tgzs),
  zip: () => archives('zip', '.zip', zips),
  bz2: () => archives('bz2', '.tar.bz2', bzips()),
};
