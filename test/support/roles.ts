import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { LocalCloud, type Machine } from '../../src/cloud/local.ts';
import { run, SYSTEM_ENVIRONMENT } from '../../src/lib/exec.ts';
import { environment } from './desk-ground.ts';
import { dist } from './role.ts';
import { CLI } from './try.ts';

const BUCKET = 'harbour';
const RUN_MS = 200_000;

/** Several roles in one cloud: directories of a desk, pushed and launched by the real commands. Needs root. */
export class Roles {
  readonly cloud: LocalCloud;
  readonly #top: string;

  private constructor(cloud: LocalCloud, top: string) {
    this.cloud = cloud;
    this.#top = top;
  }

  static async open(): Promise<Roles> {
    const cloud = await LocalCloud.open({ gatewayScript: join(dist, 'gateway.mjs') });
    cloud.s3.createBucket(BUCKET);
    return new Roles(cloud, mkdtempSync(join(tmpdir(), 'haulout-roles-')));
  }

  /** Where the role of this name is edited. */
  directory(name: string): string {
    return join(this.#top, name);
  }

  /** Changes a file of a role: `payroll/haulout.ini`. */
  edit(path: string, change: (text: string) => string): void {
    const file = join(this.#top, path);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  }

  /** Uploads the role, and waits until the machines that it has follow. */
  async push(name: string, ...words: string[]): Promise<void> {
    await this.#haulout('push', this.directory(name), `s3://${BUCKET}/${name}`, ...words);
  }

  /** Uploads the role, and launches machines of it; resolves when they are healthy. */
  async launch(name: string, ...words: string[]): Promise<[Machine, ...Machine[]]> {
    await this.push(name, '--no-watch');
    const image = ['--image-id', 'ami-0123456789abcdef0', '--hold', '0s'];
    const instances = ['--instance-endpoint-url', this.cloud.instanceEndpoint];
    const ids = await this.#haulout('launch', `s3://${BUCKET}/${name}`, ...image, ...instances, ...words);
    const machines = ids
      .trim()
      .split('\n')
      .map((id) => this.cloud.machine(id)!);
    return machines as [Machine, ...Machine[]];
  }

  async close(): Promise<void> {
    await this.cloud.close();
    rmSync(this.#top, { recursive: true, force: true });
  }

  async #haulout(...words: string[]): Promise<string> {
    const env = { ...SYSTEM_ENVIRONMENT, ...environment(this.cloud) };
    const { code, stdout, output } = await run([process.execPath, CLI, ...words], { env, timeoutMs: RUN_MS });
    expect(code, output).toBe(0);
    return stdout;
  }
}
