import type { Departures } from './departures.ts';
import type { Requests } from './requests.ts';
import { readStatus } from './status-file.ts';

/** `haulout shutdown` asks; the answer is the status after the goodbye. */
export class FarewellRequests {
  readonly #requests: Requests;
  readonly #departures: Pick<Departures, 'shutDown'>;
  readonly #state: string;
  readonly #underWay = new Set<string>();

  constructor(requests: Requests, departures: Pick<Departures, 'shutDown'>, state: string) {
    this.#requests = requests;
    this.#departures = departures;
    this.#state = state;
  }

  /** Somebody may have asked. */
  hear(): void {
    void this.#hear();
  }

  async #hear(): Promise<void> {
    const asked = (await this.#requests.goodbyes()).filter(({ name }) => !this.#underWay.has(name));
    for (const { name } of asked) this.#underWay.add(name);
    for (const { name, withinMs } of asked) {
      await this.#departures.shutDown(withinMs);
      const status = await readStatus(this.#state);
      if (status) await this.#requests.answer([name], status);
      this.#underWay.delete(name);
    }
  }
}
