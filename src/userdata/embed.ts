import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

/** Short enough for mail software, which some platforms join user-data parts with. */
const LINE = /.{900}/g;
const LARGEST = 32 * 1024 * 1024;

/** The agent as lines of text that neither `sh` nor JavaScript reads: brotli, base64, with a line before it. */
export function embeddedText(agent: Uint8Array): string {
  const params = { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS };
  return `HAULOUT_EMBEDDED\n${brotliCompressSync(agent, { params }).toString('base64').replace(LINE, '$&\n')}\n`;
}

/** The agent out of such a script; its bytes are not verified yet. */
export function embeddedAgent(script: string): Buffer | undefined {
  const text = /\nHAULOUT_EMBEDDED\n([^_]+)\n/.exec(script)?.[1];
  return text ? brotliDecompressSync(Buffer.from(text, 'base64'), { maxOutputLength: LARGEST }) : undefined;
}
