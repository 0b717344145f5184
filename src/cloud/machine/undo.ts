/** Things to undo, last made first undone. Each is tried whatever became of the others; the first failure is told in the end. */
export class Undo {
  readonly #steps: (() => unknown)[] = [];

  later(step: () => unknown): void {
    this.#steps.push(step);
  }

  async all(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
