import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { systemClock } from '../../lib/clock.ts';
import { HauloutError } from '../../lib/errors.ts';
import { SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import type { GatewayAnswer, GatewayOrder, TcpAddress, UnixAddress } from '../gateway.ts';

const ANSWER_MS = 10_000;
const GOING_MS = 1_000;

type Settle = (error?: string) => void;

/** The running gateway: the one process of the cloud's network namespace. The namespace and all in it end with this process. */
export class GatewayProcess {
  readonly pid: number;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Settle>();
  #nextId = 1;
  #talk = '';
  #running = true;

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()));
    void this.ended.then(() => this.#end());
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#talk = (this.#talk + chunk.toString('utf8')).slice(-500);
    });
    createInterface({ input: child.stdout! }).on('line', (line) => this.#hear(JSON.parse(line) as GatewayAnswer));
    // EPIPE: it is gone, which the deadline of the order tells.
    child.stdin!.on('error', () => undefined);
  }

  /** `script` is the built gateway (dist/gateway.mjs). Resolves when the namespace is there and orders are welcome. */
  static async start(script: string): Promise<GatewayProcess> {
    const argv = ['--pdeathsig', 'KILL', 'unshare', '--net', '--', process.execPath, script];
    // In a group of its own: Ctrl-C at the terminal is for us, who then take everything down in order.
    const child = spawn('setpriv', argv, {
      env: { ...SYSTEM_ENVIRONMENT },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => resolve(child.pid!));
    });
    const gateway = new GatewayProcess(child, pid);
    await gateway.#answerTo(0, 'start');
    return gateway;
  }

  /** From an address of the cloud's namespace to a unix socket; `{peer}` in its path stands for the client's address. */
  async inward(at: TcpAddress, to: UnixAddress): Promise<void> {
    await this.#order({ do: 'listen', at, to });
  }

  /** From a unix socket to an address of the cloud's namespace. */
  async outward(at: UnixAddress, to: TcpAddress): Promise<void> {
    await this.#order({ do: 'listen', at, to });
  }

  async stopListening(at: TcpAddress | UnixAddress): Promise<void> {
    await this.unlessGone(() => this.#order({ do: 'close', at }));
  }

  /** For taking something down: when the gateway ends before or meanwhile, the kernel has taken it down already. */
  async unlessGone(action: () => Promise<void>): Promise<void> {
    if (!this.#running) return;
    try {
      await action();
    } catch (error) {
      const soon = systemClock.sleep(GOING_MS).then(() => false);
      if (!(await Promise.race([this.ended.then(() => true), soon]))) throw error;
    }
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  async #order(order: Omit<GatewayOrder, 'id'>): Promise<void> {
    const id = this.#nextId++;
    const answered = this.#answerTo(id, JSON.stringify(order.at));
    this.#child.stdin!.write(`${JSON.stringify({ id, ...order })}\n`);
    await answered;
  }

  #answerTo(id: number, subject: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: string) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (error === undefined) resolve();
        else reject(gatewayError(subject, error));
      };
      const timer = setTimeout(() => settle('no answer'), ANSWER_MS);
      this.#waiting.set(id, settle);
    });
  }

  #end(): void {
    this.#running = false;
    for (const settle of [...this.#waiting.values()]) settle(`it ended: ${this.#talk.trim()}`);
  }

  #hear(answer: GatewayAnswer): void {
    this.#waiting.get(answer.id)?.(answer.error);
  }
}

function gatewayError(subject: string, reason: string): HauloutError {
  return new HauloutError({
    code: 'gateway-failed',
    step: 'cloud',
    subject: `gateway ${subject}`,
    reason: `the local cloud's gateway: ${reason}`,
    hint: 'run as root on a Linux machine that allows network namespaces; in a container, start it with --privileged',
  });
}
