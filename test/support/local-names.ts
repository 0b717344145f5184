import dns from 'node:dns';
import { onTestFinished, vi } from 'vitest';

/** For one test: every name below localhost is this machine, as RFC 6761 has it and not every resolver does. */
export function resolveLocalNames(): void {
  const { lookup } = dns;
  const spy = vi
    .spyOn(dns, 'lookup')
    .mockImplementation(((host: string, ...rest: unknown[]) =>
      Reflect.apply(lookup, dns, [host.endsWith('.localhost') ? '127.0.0.1' : host, ...rest])) as typeof lookup);
  onTestFinished(() => spy.mockRestore());
}
