import type { RunResult } from '../../lib/exec.ts';
import type { GatewayProcess } from './gateway-process.ts';
import {
  type ExecOptions,
  type Inside,
  type LookAroundOptions,
  lookAroundInside,
  plantInside,
  runInside,
} from './inside.ts';
import type { InstanceProcess } from './instance-process.ts';
import type { Cable } from './network.ts';
import { type Publication, publish } from './publish.ts';
import type { Undo } from './undo.ts';

/** A running throw-away instance. */
export class Machine {
  readonly instanceId: string;
  readonly address: string;
  /** Process 1 of the instance, as this machine counts. */
  readonly pid: number;
  /** Settles when the instance is down, whoever ended it. */
  readonly ended: Promise<void>;
  readonly #inside: Inside;
  readonly #gateway: GatewayProcess;
  readonly #directory: string;
  readonly #forwards = new Map<number, Promise<string>>();
  readonly #undo: Undo;
  #terminated: Promise<void> | undefined;

  /** Made by MachineRoom.launch. */
  constructor(parts: MachineParts) {
    this.instanceId = parts.instanceId;
    this.address = parts.cable.address;
    this.pid = parts.process.pid;
    this.ended = parts.process.ended;
    this.#inside = parts.inside;
    this.#gateway = parts.gateway;
    this.#directory = parts.directory;
    this.#undo = parts.undo;
  }

  /** Runs a program in the instance as its root user, at `/`, with nothing of this machine's environment. Default time limit: 60 s. */
  exec(argv: readonly string[], options: ExecOptions = {}): Promise<RunResult> {
    return runInside(this.#inside, argv, options);
  }

  /** The same on the caller's terminal, without a deadline. Resolves to the exit code. */
  lookAround(argv: readonly string[] = ['/bin/sh'], options: LookAroundOptions = {}): Promise<number | null> {
    return lookAroundInside(this.#inside, argv, options);
  }

  /** Writes a file in the instance in place of what stands at `path`. */
  plant(path: string, content: string | Uint8Array, mode: number): Promise<void> {
    return plantInside(this.#inside, path, content, mode);
  }

  /** A unix socket of this machine that leads to `port` of the instance's address. */
  forward(port: number): Promise<string> {
    let forward = this.#forwards.get(port);
    if (forward === undefined) {
      forward = this.#forward(port);
      this.#forwards.set(port, forward);
    }
    return forward;
  }

  /** A port of this machine's 127.0.0.1 (`wanted`, else any that is free) that leads to `port` of the instance. */
  async publish(port: number, wanted = 0): Promise<Publication> {
    const publication = await publish(await this.forward(port), wanted);
    this.#undo.later(() => publication.close());
    return publication;
  }

  /** Pulls the plug: every process of the instance is killed at once, and nothing of it is left. May be called again. */
  terminate(): Promise<void> {
    this.#terminated ??= this.#undo.all();
    return this.#terminated;
  }

  async #forward(port: number): Promise<string> {
    const path = `${this.#directory}/port-${port}.sock`;
    await this.#gateway.outward({ path }, { host: this.address, port });
    this.#undo.later(() => this.#gateway.stopListening({ path }));
    return path;
  }
}

export interface MachineParts {
  readonly instanceId: string;
  readonly cable: Cable;
  readonly process: InstanceProcess;
  readonly inside: Inside;
  readonly gateway: GatewayProcess;
  readonly directory: string;
  readonly undo: Undo;
}
