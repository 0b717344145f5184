import { join } from 'node:path';
import { expect, it } from 'vitest';
import { swapFiles } from '../../src/agent/swap-files.ts';
import { emptyLedger, type Ledger } from '../../src/ledger/ledger.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { accounts, desk } from '../support/desk.ts';
import { describeWith, root } from '../support/needs.ts';
import { put } from '../support/scratch.ts';

const PATH = '/etc/site.conf';
const SUBJECT = `file:${PATH}`;

describeWith([root], 'a swap of a file that a service has to accept', () => {
  it('has what stood there on the disk before the ledger names it', async () => {
    const { here, cache, writer, step } = desk();
    put(join(here, PATH), 'old');
    const order: string[] = [];
    const sync = cache.sync.bind(cache);
    cache.sync = async () => {
      await sync();
      order.push('content');
    };
    const keep = async () => void order.push('ledger');
    await swapFiles(writer, accounts, [await step(PATH, 'new', { heldFor: ['web'] })], emptyLedger('i-1'), keep);
    expect(order).toEqual(['content', 'ledger', 'ledger']);
  });

  it('goes back to what stood there last, and not to what stood there before a swap that nobody had to accept', async () => {
    const { here, writer, step } = desk();
    put(join(here, PATH), 'first');
    let ledger = emptyLedger('i-1');
    const keep = async (kept: Ledger) => {
      ledger = kept;
    };
    for (const [text, heldFor] of [
      ['refused', ['web']],
      ['second', []],
      ['third', ['web']],
    ] as const)
      await swapFiles(writer, accounts, [await step(PATH, text, { heldFor })], ledger, keep);
    expect(ledger.subjects[SUBJECT]?.previous).toMatchObject({ kind: 'file', sha256: sha256('second') });
  });
});
