import { afterAll, beforeAll, expect, it } from 'vitest';
import { readPage } from '../docs/pages.ts';
import { DeskGround, type DeskRun } from '../support/desk-ground.ts';
import { MACHINE_NEEDS } from '../support/machines.ts';
import { describeWith } from '../support/needs.ts';
import { eventually } from '../support/scratch.ts';

interface Statement {
  readonly Action: string | readonly string[];
}

/** What docs/swap.md says that the keys of the desk must be allowed in EC2, held against what the commands really ask for. */
describeWith(MACHINE_NEEDS, 'the policy for EC2', () => {
  const asked = new Map<string, readonly string[]>();
  let ground: DeskGround;

  beforeAll(async () => {
    ground = await DeskGround.open();
  }, 60_000);
  afterAll(() => ground?.close(), 60_000);

  function note(name: string, { code, talk, asked: actions }: DeskRun, wanted: number | null = 0): void {
    expect(code, talk).toBe(wanted);
    asked.set(name, [...new Set(actions)].sort());
  }

  it('names every action, and no other', async () => {
    note('launch, killed', await ground.runLaunch({ killAt: 'RunInstances 1 after' }), null);
    const first = await ground.runLaunch();
    note('launch, again', first);
    const [old = ''] = first.stdout.trim().split('\n');
    await ground.give(old);
    expect(await eventually(() => ground.answers(), 10_000)).toBe(true);
    note('swap', await ground.swap(old));
    const [second = ''] = await ground.running();
    note('swap, back', await ground.swap(second, { words: ['--probe', 'tcp:9', '--prove', '1s'] }), 1);
    note('replace', await ground.replace(second));
    note('push', await ground.run(['push', ground.role, ground.bucket, '--no-watch']));
    note('fleet', await ground.run(['fleet', 's3://fleet']));
    const [third = ''] = await ground.running();
    note('explain', await ground.run(['explain', third, 's3://fleet']));

    for (const name of ['push', 'fleet', 'explain']) expect(asked.get(name), name).toEqual([]);
    for (const name of ['launch, killed', 'launch, again'])
      for (const action of asked.get(name)!) expect(['DescribeInstances', 'RunInstances']).toContain(action);
    const sent = [...asked.values()].flat().map((action) => `ec2:${action}`);
    // What EC2 asks for besides, of a call that has tags and a profile in it.
    const all = new Set([...sent, 'ec2:CreateTags', 'iam:PassRole']);
    expect([...all].sort()).toEqual(allowed().sort());
  }, 180_000);

  function allowed(): string[] {
    const shown = readPage('docs/swap.md').examples.filter(({ info }) => info === 'json');
    const policies = shown.map(({ text }) => JSON.parse(text) as { readonly Statement: readonly Statement[] });
    return policies.flatMap(({ Statement }) => Statement.flatMap(({ Action }) => Action));
  }
});
