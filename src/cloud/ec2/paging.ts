import { Ec2Error } from './errors.ts';
import type { Parameters } from './parameters.ts';

export const PAGE_PARAMETERS = ['MaxResults', 'NextToken'];
const MOST = 1_000;

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Left out on the last page. */
  readonly nextToken?: string;
}

/**
 * One page of `all`, which is in an order that does not change. The token names the last item of the page before, so that
 * what came or went meanwhile makes nothing appear twice. With ids in the request there are no pages.
 */
export function pageOf<Item>(
  parameters: Parameters,
  all: readonly Item[],
  { id, least = 5, listed }: { readonly id: (item: Item) => string; readonly least?: number; readonly listed: string },
): Page<Item> {
  const most = parameters.whole('MaxResults', least, MOST);
  const token = parameters.text('NextToken');
  if (most !== undefined && parameters.list(listed).length > 0) {
    const message = `The parameter ${listed} cannot be used with the parameter MaxResults`;
    throw new Ec2Error('InvalidParameterCombination', message);
  }
  const start = token === undefined ? 0 : all.findIndex((item) => tokenOf(id(item)) === token) + 1;
  if (token !== undefined && start === 0) throw new Ec2Error('InvalidNextToken', 'The token is invalid.');
  const items = all.slice(start, start + (most ?? MOST));
  const last = items.at(-1);
  return start + items.length < all.length && last !== undefined ? { items, nextToken: tokenOf(id(last)) } : { items };
}

function tokenOf(id: string): string {
  return Buffer.from(`after ${id}`).toString('base64url');
}
