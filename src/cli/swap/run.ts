import type { Journal } from './journal.ts';
import { isOver, type Operation } from './operation.ts';
import { back, launch, move, type Next, prove, retire, type SwapWorld, settle } from './steps.ts';

type Step = Exclude<Operation['step'], 'done' | 'undone'>;

const STEPS: Readonly<Record<Step, (world: SwapWorld, operation: Operation) => Promise<Next>>> = {
  launch,
  settle,
  move,
  prove,
  retire,
  back,
};

/** Takes one step after the other, each written down before it is taken; resolves with how it ended. */
export async function carryOn(world: SwapWorld, journal: Journal, from: Next): Promise<Operation> {
  let operation = await journal.write(from);
  while (!isOver(operation)) operation = await journal.write(await STEPS[operation.step as Step](world, operation));
  return operation;
}
