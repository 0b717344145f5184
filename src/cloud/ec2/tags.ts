import { Ec2Error, unsupported } from './errors.ts';
import type { Parameters } from './parameters.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Tag.html and UserGuide/Using_Tags.html#tag-restrictions */
const MOST_TAGS = 50;
const LONGEST_KEY = 127;
const LONGEST_VALUE = 256;

export type TagMap = ReadonlyMap<string, string>;

/** The tags of everything that can have some, by the id of what has them. */
export class Tags {
  readonly #tags = new Map<string, Map<string, string>>();

  of(resourceId: string): TagMap {
    return this.#tags.get(resourceId) ?? new Map();
  }

  /** Throws before anything is changed. */
  set(resourceId: string, tags: TagMap): void {
    const all = new Map([...this.of(resourceId), ...tags]);
    checkCount(all);
    this.#tags.set(resourceId, all);
  }

  /** `value` undefined: whatever it is. */
  remove(resourceId: string, key: string, value: string | undefined): void {
    const tags = this.#tags.get(resourceId);
    if (tags && (value === undefined || tags.get(key) === value)) tags.delete(key);
  }

  removeAll(resourceId: string): void {
    this.#tags.delete(resourceId);
  }

  get all(): readonly (readonly [resourceId: string, tags: TagMap])[] {
    return [...this.#tags];
  }
}

/** `Tag.N.Key` and `Tag.N.Value`; a value that is left out is empty. */
export function readTags(parameters: Parameters): TagMap {
  const tags = new Map<string, string>();
  for (const tag of parameters.structures('Tag')) {
    const key = tag.needed('Key');
    const value = tag.text('Value') ?? '';
    checkTag(key, value);
    if (tags.has(key)) throw new Ec2Error('InvalidParameterValue', `Duplicate tag key '${key}' specified.`);
    tags.set(key, value);
  }
  checkCount(tags);
  return tags;
}

/** `TagSpecification.N`: tags of what the request makes. `resourceType` is the only thing it makes here. */
export function readTagSpecifications(parameters: Parameters, resourceType: string): TagMap {
  const tags = new Map<string, string>();
  for (const specification of parameters.structures('TagSpecification')) {
    const type = specification.needed('ResourceType');
    if (type !== resourceType) throw unsupported(`tags of a ${type} in this request`);
    for (const [key, value] of readTags(specification)) tags.set(key, value);
  }
  return tags;
}

export function tagSet(tags: TagMap): { item: { key: string; value: string }[] } {
  return { item: [...tags].map(([key, value]) => ({ key, value })) };
}

function checkTag(key: string, value: string): void {
  if (key.startsWith('aws:')) {
    throw new Ec2Error('InvalidParameterValue', `Tag keys starting with 'aws:' are reserved for internal use`);
  }
  if (key.length > LONGEST_KEY) {
    throw new Ec2Error('InvalidParameterValue', `Tag key exceeds the maximum length of ${LONGEST_KEY} characters`);
  }
  if (value.length > LONGEST_VALUE) {
    throw new Ec2Error('InvalidParameterValue', `Tag value exceeds the maximum length of ${LONGEST_VALUE} characters`);
  }
}

function checkCount(tags: TagMap): void {
  if (tags.size <= MOST_TAGS) return;
  throw new Ec2Error('TagLimitExceeded', `The maximum number of Tags for a resource has been reached: ${MOST_TAGS}.`);
}
