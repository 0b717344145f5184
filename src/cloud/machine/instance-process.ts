import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { errorCode, HauloutError } from '../../lib/errors.ts';
import { SYSTEM_ENVIRONMENT } from '../../lib/exec.ts';
import type { Console } from './console.ts';

const STEP_MS = 30_000;
const BURIAL_MS = 20_000;
const NAMESPACES = [
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--uts',
  '--ipc',
  '--net',
  '--propagation',
  'private',
];

/**
 * The process tree of one instance. `unshare` is our child; its child is process 1 of the instance, and everything in the
 * instance dies with that. Both die with us, even if we are killed: by --pdeathsig and --kill-child.
 */
export class InstanceProcess {
  /** Process 1 of the instance, as this machine counts. */
  readonly pid: number;
  readonly ended: Promise<void>;
  /** Whether it has a cgroup of its own. */
  #hasCgroup = false;
  readonly #child: ChildProcess;
  readonly #talk: Talk;

  private constructor(child: ChildProcess, talk: Talk, pid: number) {
    this.#child = child;
    this.#talk = talk;
    this.pid = pid;
    this.ended = talk.ended;
  }

  /** Starts `script` (see scripts.ts); resolves when its namespaces are there. */
  static async start(instanceId: string, script: string, console: Console): Promise<InstanceProcess> {
    const argv = ['--pdeathsig', 'KILL', 'unshare', ...NAMESPACES, '--', '/bin/sh', '-c', script];
    const child = spawn('setpriv', argv, {
      env: { ...SYSTEM_ENVIRONMENT },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true, // Ctrl-C at the terminal is not for the instance
    });
    console.listen(child.stdout!);
    // The instance's own standard error is its standard output: this is only what `unshare` says.
    console.overhear(child.stderr!);
    child.stdin!.on('error', () => undefined);
    const talk = new Talk(instanceId, child, console);
    try {
      return new InstanceProcess(child, talk, Number(await talk.word('pid')));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get hasCgroup(): boolean {
    return this.#hasCgroup;
  }

  /** Resolves when the root file system stands and the instance waits for its files. */
  async ready(): Promise<void> {
    await this.#talk.word('ready');
    this.#hasCgroup = this.#talk.heard('cgroup');
  }

  /** Lets it run its user-data. */
  go(): void {
    this.#child.stdin!.write('go\n');
  }

  /** Kills it whole and waits until the kernel has buried the last process. */
  async kill(): Promise<void> {
    this.#signal();
    const late = new Promise<'late'>((resolve) => setTimeout(resolve, BURIAL_MS, 'late').unref());
    if ((await Promise.race([this.ended, late])) === 'late') {
      this.#child.kill('SIGKILL');
      throw this.#talk.trouble('its processes do not end (one may wait for a disk)');
    }
  }

  #signal(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') throw error; // it has just ended by itself
    }
  }
}

/** What the start script says on descriptor 3: one word a line, some with a value. */
class Talk {
  readonly ended: Promise<void>;
  readonly #instanceId: string;
  readonly #console: Console;
  readonly #heard = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #over = false;

  constructor(instanceId: string, child: ChildProcess, console: Console) {
    this.#instanceId = instanceId;
    this.#console = console;
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => resolve());
    });
    const finish = () => {
      this.#over = true;
      this.#notify();
    };
    this.ended.then(finish, finish);
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
      const [word = '', value = ''] = line.split(' ');
      this.#heard.set(word, value);
      this.#notify();
    });
  }

  heard(word: string): boolean {
    return this.#heard.has(word);
  }

  /** The value that comes with `word`. */
  word(word: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        act();
      };
      const look = () => {
        const value = this.#heard.get(word);
        if (value !== undefined) settle(() => resolve(value));
        else if (this.#over) settle(() => reject(this.trouble(`it ended before it said "${word}"`)));
      };
      const late = () => settle(() => reject(this.trouble(`it did not say "${word}" in time`)));
      const timer = setTimeout(late, STEP_MS);
      this.#listeners.add(look);
      look();
    });
  }

  trouble(what: string): HauloutError {
    const last = this.#console.tail;
    return new HauloutError({
      code: 'instance-failed',
      step: 'cloud',
      subject: `instance ${this.#instanceId}`,
      reason: last === '' ? what : `${what}; its console: ${last.slice(-500)}`,
      hint: 'run as root on a Linux machine that allows namespaces and mounts; in a container, start it with --privileged',
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
