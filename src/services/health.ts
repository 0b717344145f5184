import type { ServiceCall, ServiceTools } from './course.ts';
import { runHook } from './hooks.ts';
import { bad, type ProbeResult, probe } from './probe.ts';

const EVERY_MS = 1_000;
/** What a service may take to come up before its health is held against it. */
const START_UP_MS = 30_000;
const CHECK_HOOK_MS = 20_000;

/** One look, by whatever the service has: its `check`, else bin/check of the image, else the state of the unit. */
export async function probeService(tools: ServiceTools, call: ServiceCall): Promise<ProbeResult | 'nothing-to-check'> {
  const { service } = call;
  if (service.check !== undefined) return probe(service.check);
  if (service.source.kind === 'image') return probeHook(tools, call);
  const active = await tools.units.isActive(service.source.unit);
  return active ? { ok: true } : bad('its unit is not active');
}

async function probeHook(tools: ServiceTools, call: ServiceCall): Promise<ProbeResult | 'nothing-to-check'> {
  const { id, user, timeoutMs } = call.service;
  const result = await runHook(tools.hooks, {
    service: id,
    directory: call.directory,
    hook: 'check',
    user,
    timeoutMs: Math.min(timeoutMs, CHECK_HOOK_MS),
  });
  if (result.kind === 'missing') return 'nothing-to-check';
  if (result.ok) return { ok: true };
  if (result.timedOut) return bad('bin/check did not end within its time limit', result.output);
  return bad(`bin/check ended with ${result.signal ?? `code ${result.code}`}`, result.output);
}

/**
 * Looks each second until every look of the last `healthMs` was good. One bad look starts the time anew, so a service
 * that crashes and comes back never counts as healthy.
 */
export async function awaitHealth(tools: ServiceTools, call: ServiceCall): Promise<ProbeResult> {
  const { clock } = tools;
  const { healthMs, timeoutMs } = call.service;
  const end = clock.elapsed() + Math.max(healthMs + EVERY_MS, Math.min(healthMs + START_UP_MS, timeoutMs));
  let goodSince: number | undefined;
  for (;;) {
    const looked = clock.elapsed();
    const result = await probeService(tools, call);
    if (result === 'nothing-to-check') return { ok: true };
    if (!result.ok) goodSince = undefined;
    else goodSince ??= looked;
    if (goodSince !== undefined && clock.elapsed() - goodSince >= healthMs) return { ok: true };
    if (clock.elapsed() >= end) return result.ok ? bad('the check did not hold for long enough') : result;
    await clock.sleep(EVERY_MS, call.signal);
  }
}
