const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs what lives until somebody ends it. Ctrl-C, a terminal that was closed, and a reader that went away (`| head`) all end
 * it the same way: by the signal that `live` is given.
 */
export async function untilSignal(live: (stop: AbortSignal) => Promise<number>): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.stdout.on('error', onSignal);
  process.stderr.on('error', onSignal);
  try {
    return await live(stop.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
