/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html: the most recent 64 KB. */
const MOST_BYTES = 64 * 1024;

/** The last that an instance said on its console. It outlasts the instance's machine. */
export class ConsoleTail {
  readonly #lines: Buffer[] = [];
  #bytes = 0;
  #changedAt: Date | undefined;

  add(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    this.#lines.push(bytes);
    this.#bytes += bytes.length;
    this.#changedAt = new Date();
    while (this.#bytes - (this.#lines[0]?.length ?? 0) >= MOST_BYTES) this.#bytes -= this.#lines.shift()!.length;
  }

  get changedAt(): Date | undefined {
    return this.#changedAt;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#lines).subarray(-MOST_BYTES);
  }
}
