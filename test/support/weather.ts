import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Status } from '../../src/status/status.ts';
import { type Befalls, FaultProxy } from './fault-proxy.ts';
import { RoleUnderTest, SCRIPT } from './role.ts';
import { randomFrom } from './seeded.ts';

/** What came of one fault at one step. */
export interface Cell {
  readonly fault: string;
  readonly step: string;
  /** `correct`: as the bucket wants it, the fault notwithstanding. Else the reason code that the status gave. */
  readonly outcome: string;
  readonly ms: number;
  /** In words, what should not be: bytes that nobody uploaded, a service that was restarted, a wait past its deadline. */
  readonly wrong: readonly string[];
}

const SPEC = `[haulout]
version = 1
[files]
/etc/weather/link = link=/etc/hostname
[service.clock]
image = services/clock
health = 0s
timeout = 2s
[service.whistle]
image = services/whistle
health = 0s
timeout = 5s
`;
const FILES = {
  'haulout.ini': SPEC,
  'root/etc/weather/still.conf': 'still\n',
  'services/clock/bin/start': '#!/bin/sh\necho clock >> /srv/starts\nsleep 77101 &\n',
  'services/whistle/bin/start': '#!/bin/sh\necho whistle >> /srv/starts\nsleep 77102 &\n',
  'services/whistle/bin/check': '#!/bin/sh\npgrep -f "sleep 7710[2]" > /dev/null\n',
};
/** Codes that say what happened; a stranger's error code would not. */
const CLASSIFIED =
  /^(correct|(s3|store|body|listing|answer|bucket|metadata|disk|hook|check|packages|spec|content|settings|image|validate|launcher)-[A-Za-z0-9-]+)$/;
const OBJECT_BYTES = 40_000;
const BACK_OFF_MS = 60_000;

export const isListing = ({ url = '' }: IncomingMessage) => url.includes('list-type=');
export const isObject = (request: IncomingMessage) => request.method === 'GET' && !isListing(request);
export const isWriting = ({ method }: IncomingMessage) => method === 'PUT';

/** A role on an instance, with a network that can be made bad, and an eye on what must never happen. */
export class WeatherGround {
  readonly role: RoleUnderTest;
  readonly store: FaultProxy;
  readonly metadata: FaultProxy;
  readonly cells: Cell[] = [];
  readonly spec = SPEC;
  #generation = 1;
  #services = '';

  private constructor(role: RoleUnderTest, store: FaultProxy, metadata: FaultProxy) {
    this.role = role;
    this.store = store;
    this.metadata = metadata;
  }

  static async open(seed: number, options: Parameters<typeof RoleUnderTest.boot>[1] = {}): Promise<WeatherGround> {
    const draw = randomFrom(seed);
    const random = () => draw(1_000) / 1_000;
    const network = { store: new FaultProxy(random), metadata: new FaultProxy(random) };
    const files = { ...FILES, 'root/etc/weather/changing.conf': content(1) };
    const role = await RoleUnderTest.boot(files, { ...options, network });
    const ground = new WeatherGround(role, network.store, network.metadata);
    ground.#services = await ground.services();
    return ground;
  }

  async close(): Promise<void> {
    await this.role.close();
    this.store.close();
    this.metadata.close();
  }

  /** The next generation of the one object that changes. */
  async upload(): Promise<void> {
    await this.role.put('root/etc/weather/changing.conf', content(++this.#generation));
  }

  /**
   * One cell: the fault is there while `act` runs, unless `act` ends it. `limitMs`: the deadline of the step, and what a machine
   * that is busy elsewhere takes besides. Afterwards the weather is fine again, and so must be the machine.
   */
  async cell(what: { fault: string; step: string; limitMs: number }, act: () => Promise<string>): Promise<Cell> {
    const started = performance.now();
    const wrong: string[] = [];
    const outcome = await act().catch((error: Error) => {
      wrong.push(`it threw: ${error.message.slice(0, 300)}`);
      return 'threw';
    });
    const ms = Math.round(performance.now() - started);
    if (ms > what.limitMs) wrong.push(`it took ${ms} ms, and ${what.limitMs} are allowed`);
    if (!CLASSIFIED.test(outcome)) wrong.push(`${outcome} is no reason code`);
    await this.#look(wrong);
    await this.#fine(wrong);
    const { fault, step } = what;
    const cell = { fault, step, outcome, ms, wrong };
    this.cells.push(cell);
    return cell;
  }

  /** `haulout sync` in this weather: what came of it. */
  async sync(befalls?: { store?: Befalls; metadata?: Befalls }): Promise<string> {
    this.store.befalls = befalls?.store;
    this.metadata.befalls = befalls?.metadata;
    const status = await this.role.sync();
    return outcomeOf(status);
  }

  /** Bad weather for so long; resolves when it is over. */
  async badFor(ms: number, befalls: { store?: Befalls; metadata?: Befalls }): Promise<void> {
    this.store.befalls = befalls.store;
    this.metadata.befalls = befalls.metadata;
    await pause(ms);
    this.fine();
  }

  fine(): void {
    this.store.befalls = undefined;
    this.metadata.befalls = undefined;
  }

  /** User-data once more on a machine without an agent, while the weather is bad for so long. */
  async launchAgain(ms: number, befalls: { store?: Befalls; metadata?: Befalls }): Promise<string> {
    await this.role.killAgent();
    await this.role.exec('rm -rf /var/lib/haulout/agent');
    const over = this.badFor(ms, befalls);
    const { code, output } = await this.role.exec(`sh ${SCRIPT}`, 400_000);
    await over;
    if (code === 0) return outcomeOf(await this.role.sync());
    this.fine();
    await this.role.exec(`sh ${SCRIPT}`, 400_000);
    return `launcher-${code}: ${output.slice(-200)}`;
  }

  /** An agent that starts without knowing who it is, while the weather is bad for so long. */
  async restartUnknown(ms: number, befalls: { store?: Befalls; metadata?: Befalls }): Promise<string> {
    await this.role.killAgent();
    await this.role.exec('rm -f /var/lib/haulout/identity.json');
    const over = this.badFor(ms, befalls);
    await this.role.startAgent();
    const status = await this.role.sync();
    await over;
    return outcomeOf(status);
  }

  /** Processes of the services, and how often each was started. */
  async services(): Promise<string> {
    const pids = [...(await this.role.pids('sleep 77101')), ...(await this.role.pids('sleep 77102'))];
    return `${pids.join(' ')} ${(await this.role.read('/srv/starts')).replaceAll('\n', ' ')}`;
  }

  /** A test that ended a service on purpose says so. */
  async noteServices(): Promise<void> {
    this.#services = await this.services();
  }

  /** Old or new, whole; and nothing of what runs was touched. */
  async #look(wrong: string[]): Promise<void> {
    const found = await this.role.read('/etc/weather/changing.conf').catch(() => '(nothing)');
    const known = [this.#generation, this.#generation - 1].some((generation) => found === content(generation));
    if (!known) wrong.push(`bytes that nobody uploaded: ${found.length} of them, ${found.slice(0, 30)}`);
    if ((await this.role.read('/etc/weather/still.conf').catch(() => '')) !== 'still\n')
      wrong.push('still.conf is not');
    const services = await this.services();
    if (services !== this.#services) wrong.push(`services were ${this.#services}, and are ${services}`);
  }

  async #fine(wrong: string[]): Promise<void> {
    this.fine();
    let status = await this.role.sync();
    // What failed has its back-off: a few seconds, and more the second time.
    const end = performance.now() + BACK_OFF_MS;
    while (outcomeOf(status) !== 'correct' && performance.now() < end) {
      await pause(500);
      status = await this.role.sync();
    }
    if (outcomeOf(status) !== 'correct') wrong.push(`in fine weather: ${outcomeOf(status)}, ${status.trouble?.reason}`);
    if ((await this.role.read('/etc/weather/changing.conf')) !== content(this.#generation))
      wrong.push('not the newest');
    await this.#look(wrong);
  }
}

export function outcomeOf({ health, trouble, waiting }: Status): string {
  if (health === 'healthy') return 'correct';
  return trouble?.code ?? waiting[0]?.code ?? `without a word: ${health}`;
}

/** 40 KB that say their generation from the first byte to the last. */
function content(generation: number): string {
  const line = `generation ${generation} of what changes\n`;
  return line.repeat(Math.ceil(OBJECT_BYTES / line.length));
}

/** For people: a line a cell. */
export function cellLine({ fault, step, outcome, ms, wrong }: Cell): string {
  const words = `${fault.padEnd(38)} ${step.padEnd(14)} ${outcome.padEnd(24)} ${(ms / 1_000).toFixed(1).padStart(6)} s`;
  return [words, ...wrong.map((text) => `    WRONG: ${text}`)].join('\n');
}
